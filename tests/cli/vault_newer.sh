#!/bin/sh
# A vault of a newer format is refused with its own message, and stays as it was.
. "$(dirname "$0")/lib"
make_vault
# set_version FILE MAJOR MINOR (octal): docs/format/vault.md section 1. The header's check is made again, because a header
# whose check is wrong is damage, not a newer format.
set_version() {
  put_byte "$1" 9 "$2"
  put_byte "$1" 10 "$3"
  length=$(od -An -tu2 -j 14 -N 2 "$1" | tr -d ' ')
  check=$({ head -c 24 "$1"; tail -c +33 "$1" | head -c "$length"; } | sha256sum)
  for i in 0 1 2 3 4 5 6 7; do
    digits=$(printf '%s' "$check" | cut -c $((2 * i + 1))-$((2 * i + 2)))
    put_byte "$1" $((24 + i)) "$(printf '%03o' "0x$digits")"
  done
}
cp -a vault same
set_version same/config/1 001 000
cmp -s vault/config/1 same/config/1 || fail "this script does not know the header"

set_version vault/config/1 002 000
before=$(picture vault)
for words in "backup list" "backup run --path files" "vault check" "vault unlock" "restore --snapshot latest --to out.d"; do
  expect_json 1 $words --vault vault
  is errors.0.kind unsupported
  says "format 2, this program reads up to 1"
  says "Use a newer Holdfast for this vault."
done
same "$before" "$(picture vault)" "a vault of a newer format was changed"
[ ! -e out.d ] || fail "something was restored"
