#!/bin/sh
# check --repair: a flipped byte is healed by parity alone, what is beyond it from a copy, and what nothing heals is named
# with its snapshot and file, and stored again by the next backup.
. "$(dirname "$0")/lib"
make_files
head -c 3000000 /dev/urandom >files/large
expect_json 0 vault init --vault vault;                is data.parity_percent 3
expect 0 backup run --vault vault --path files
expect 0 vault init --vault copy --copy-of vault
expect 0 vault copy --vault vault --to copy
pack=$(cd vault && find packs -type f -size +1000k)
good=$(sha256sum <"vault/$pack")
spoil() { dd if=/dev/urandom of="$1" bs=1000 count="$2" seek=500 conv=notrunc status=none; }

flip_byte "vault/$pack" 900000
before=$(picture vault)
expect_json 13 vault check --vault vault --read-data;  is data.damaged.0.object "$pack"; says "--repair"
same "$before" "$(picture vault)" "a check without --repair changed the vault"
expect_json 0 vault check --vault vault --read-data --repair
[ "$(count data.damaged)" = 0 ] || fail "damage is left"
is data.healed.0.object "$pack"; is data.healed.0.how parity
same "$good" "$(sha256sum <"vault/$pack")" "the pack is not what it was"
expect_json 0 vault check --vault vault --read-data;   [ "$(count data.healed)" = 0 ]

spoil "vault/$pack" 800
expect_json 0 vault check --vault vault --read-data --repair --from copy
is data.healed.0.how copy
same "$good" "$(sha256sum <"vault/$pack")" "the pack is not what it was"
rm "vault/$pack"
expect_json 0 vault check --vault vault --repair --from copy;   is data.healed.0.why "pack is missing"
same "$good" "$(sha256sum <"vault/$pack")" "the pack is not what it was"

# The vault cannot even be opened: its config, or its own object.
flip_byte vault/config/1 300
expect 13 vault check --vault vault;                   says config/1
expect 13 vault check --vault vault --repair;          says "no copy of the vault was named"
expect_json 0 vault check --vault vault --repair --from copy;   is data.healed.0.object config/1
flip_byte vault/store 50
expect_json 0 vault check --vault vault --repair;      is data.healed.0.how anew
expect 0 restore --vault vault --snapshot latest --to out.d
cmp files/large "out.d$work/files/large" || fail "the restored file differs"

# Beyond parity, and no copy.
spoil "vault/$pack" 2000
expect_json 13 vault check --vault vault --read-data --repair
is data.damaged.0.object "$pack"; is data.damaged.0.set_aside true
[ "$(count data.damaged.0.snapshots)" = 1 ] || fail "the snapshot is not named"
prints "\"path\":\"${work#/}/files/large\""               # beside it perhaps a small one that lies there
expect 13 restore --vault vault --snapshot latest --to out2.d
touch files/large
expect 0 backup run --vault vault --path files
expect 0 restore --vault vault --snapshot latest --to out3.d
cmp files/large "out3.d$work/files/large" || fail "the restored file differs"

# From the plan's other copies, of which one is away. Only pieces beyond parity are left of the pack.
expect 0 vault init --vault main
expect 0 backup run --vault main --path files
expect 0 vault init --vault second --copy-of main
expect 0 vault copy --vault main --to second
write_plan
sed -i -e "s,$work/vault\",$work/main\"," -e "s,$work/copy\",$work/second\"," \
  -e "/^components:/i\\  away: {region: west, url: \"$work/away\", copy_of: main, within: 15m}" holdfast.yaml
pack=$(cd main && find packs -type f -size +1000k)
good=$(sha256sum <"main/$pack")
spoil "main/$pack" 2000
expect 13 vault check --name main --read-data
expect_json 0 vault check --name main --read-data --repair
is data.healed.0.from "$work/second"; says "the copy 'away' is not healed from"
same "$good" "$(sha256sum <"main/$pack")" "the pack is not what it was"
expect 2 vault check --name mian --repair;             says "the plan has no vault 'mian'"
expect 2 vault check --name main --vault main
# An index that was rebuilt while a pack was beyond repair: both are healed from a copy later.
spoil "main/$pack" 2000
rm -r main/index
expect 13 vault rebuild --vault main
expect_json 0 vault check --vault main --read-data --repair --from second
same "$good" "$(sha256sum <"main/$pack")" "the pack is not what it was"
expect_json 0 vault check --vault main --read-data;    [ "$(count data.healed)" = 0 ]
expect 0 restore --vault main --snapshot latest --to out4.d
cmp files/large "out4.d$work/files/large" || fail "the restored file differs"

# Bad words.
expect 2 vault check --vault vault --from copy;        says "--repair"
expect 2 vault check --vault vault --repair --from vault;  says "the vault itself"
expect 10 vault check --vault vault --repair --from nowhere
expect 0 vault init --vault other
expect 2 vault check --vault vault --repair --from other;  says "not a copy of this vault"
expect 2 vault init --vault none --parity 21;          says "from 0 (no parity) to 20"
expect 2 vault init --vault none --parity lots
expect 2 vault init --vault none --copy-of vault --parity 5;  says "--copy-of"
[ ! -e none ] || fail "a refused init left something"
expect_json 0 vault init --vault plain --parity 0;     is data.parity_percent 0
expect 0 backup run --vault plain --path files
flip_byte "plain/$(cd plain && find packs -type f -size +1000k)" 900000
expect 13 vault check --vault plain --read-data --repair;  says "damaged in the vault: 1 object"
