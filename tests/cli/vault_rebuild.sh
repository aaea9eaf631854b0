#!/bin/sh
# vault rebuild: the whole index lost, and then the commits too: both come back from the packs, and files bit for bit.
. "$(dirname "$0")/lib"
make_files
head -c 2000000 /dev/urandom >files/large
expect 0 vault init --vault vault
expect 0 backup run --vault vault --path files --component web --tag nightly
rm -r vault/index
expect 13 restore --vault vault --snapshot latest --to out.d
expect_json 0 vault rebuild --vault vault
is data.indexed_packs 2; is data.packs 2; [ "$(count data.snapshots)" = 0 ]
expect 0 restore --vault vault --snapshot latest --to out2.d
diff -r files "out2.d$work/files" || fail "what was restored differs"
expect 0 vault check --vault vault --read-data
expect_json 0 vault rebuild --vault vault;             is data.indexed_packs 0

rm -r vault/index vault/commits
expect_json 0 vault rebuild --vault vault;             [ "$(count data.snapshots)" = 0 ]
expect_json 0 vault rebuild --vault vault --snapshots; is data.snapshots.0.component web
expect_json 0 backup list --vault vault;               is data.snapshots.0.tags.0 nightly
expect 0 restore --vault vault --snapshot latest --to out3.d
diff -r files "out3.d$work/files" || fail "what was restored differs"
expect 0 vault check --vault vault --read-data
expect 0 backup run --vault vault --path files --component web

# One pack that cannot be proven: what is good in it is indexed, and it is named.
rm -r vault/index
pack=$(cd vault && find packs -type f -size +1000k | sort | head -1)
dd if=/dev/urandom of="vault/$pack" bs=1000 count=900 seek=300 conv=notrunc status=none
expect_json 13 vault rebuild --vault vault;            is data.damaged.0.object "$pack"
expect 10 vault rebuild --vault nowhere
HOLDFAST_PASSPHRASE=wrong; export HOLDFAST_PASSPHRASE
expect 12 vault rebuild --vault vault
