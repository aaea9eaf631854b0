#!/bin/sh
# restore from a damaged vault: refused with what to do; with --skip-damaged all but the damaged files, which are listed; and
# what a disk cannot read is damage like any other.
. "$(dirname "$0")/lib"
make_vault
head -c 3000000 /dev/urandom >files/large
head -c 30000 /dev/urandom >files/small
expect 0 backup run --vault vault --path files
pack=$(cd vault && find packs -type f -size +2000k | head -1)
flip_byte "vault/$pack" 1500000

expect 13 restore --vault vault --snapshot latest --to refused;       says "$pack"; says "--skip-damaged"; says "vault check --read-data --repair"
[ -z "$(find refused -type f 2>/dev/null)" ] || fail "a refused restore left files: $(find refused)"
expect_json 13 restore --vault vault --snapshot latest --to rest --skip-damaged --checksums sums
is data.damaged 1; is data.files 4; is errors.0.object "$work/files/large"; says "no checksums were written"
same "$(cd "rest$work/files" && find . -type f | sort | tr '\n' ' ')" "./deep/two ./numbers ./one ./small " "what was restored"
cmp files/small "rest$work/files/small" || fail "a whole file is another"
[ ! -e sums ] || fail "there are checksums of a restore with files missing"
expect 13 restore --vault vault --snapshot latest --to rest2 --skip-damaged;   prints "left out: 1 file,"

# In place: what stands there stays.
echo older >files/large; rm files/small
expect 13 restore --vault vault --snapshot latest --in-place --skip-damaged;   says "files/large"
same "$(cat files/large)" older "the file that cannot be had"
cmp files/small "rest$work/files/small" || fail "the file that can be had is not back"

# As the hint says.
expect 0 vault check --vault vault --read-data --repair
expect_json 0 restore --vault vault --snapshot latest --to healed --skip-damaged --checksums sums
is data.files 5; [ -s sums ] || fail "no checksums"
case $(cat "$work/out") in *'"damaged"'*) fail "damage of a healed vault" ;; esac
