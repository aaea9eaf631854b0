#!/bin/sh
# The format pages suffice: a reader written from them alone (tests/vault_reader.py) lists a vault, restores files of it
# bit for bit, and sees damage.
. "$(dirname "$0")/lib"
reader() { /usr/bin/python3 "$source/tests/vault_reader.py" vault "$@"; }
make_files
mkdir files/empty
head -c 9000000 /dev/urandom >files/large
: >files/nothing
truncate -s 3M files/sparse
printf end >>files/sparse
ln files/one files/deep/again
ln -s ../one files/deep/link
chmod 4750 files/deep/two
touch -d 1950-01-01T00:00:00.123456789Z files/numbers
expect 0 vault init --vault vault
expect 0 backup run --vault vault --path files --component web
cp -a files first
echo changed >files/one
printf more >>files/large
expect 0 backup run --vault vault --path files --component web
expect_json 0 backup list --vault vault
[ "$(count data.snapshots)" = 2 ] || fail "there should be two snapshots"
first=$(value data.snapshots.0.snapshot) second=$(value data.snapshots.1.snapshot)

reader list >list
[ "$(cut -d' ' -f 1,2 list)" = "$first web
$second web" ] || fail "the second reader lists: $(cat list)"
reader restore "$first" one;  diff -r first "one$work/files" || fail "the first snapshot differs"
reader restore "$second" two; diff -r files "two$work/files" || fail "the second snapshot differs"
[ "$(cd files && find . -printf '%p %m %s %T@ %n\n' | sort)" = "$(cd "two$work/files" && find . -printf '%p %m %s %T@ %n\n' | sort)" ] ||
  fail "modes, times or links differ"
[ "$(reader cat "$second" "${work#/}/files/deep/again")" = changed ] || fail "cat prints something else"

# Parity, computed by it from the page, is what lies in the packs.
[ "$(reader parity | wc -l)" = "$(in_folder vault/packs | wc -l)" ] || fail "not every pack's parity was looked at"
pack=$(find vault/packs -type f -printf '%s %p\n' | sort -rn | sed -n '1s/.* //p')
cp "$pack" kept
flip_byte "$pack" $(($(stat -c %s "$pack") - 1000))
if reader parity 2>damage; then fail "damaged parity was not seen"; fi
grep -q "parity of" damage || fail "another error than expected: $(cat damage)"
cp kept "$pack"

# One flipped byte in the middle of the largest pack: no byte of that chunk is handed out.
pack=$(find vault/packs -type f -printf '%s %p\n' | sort -rn | sed -n '1s/.* //p')
flip_byte "$pack" 3000000
if reader restore "$second" three 2>damage; then fail "the damage was not seen"; fi
grep -q InvalidTag damage || fail "another error than expected: $(cat damage)"
if HOLDFAST_PASSPHRASE=wrong reader list 2>denied; then fail "a wrong passphrase opens it"; fi
grep -q "no slot opens" denied || fail "another error than expected: $(cat denied)"
