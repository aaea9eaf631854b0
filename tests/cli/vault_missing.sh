#!/bin/sh
# A vault that is not there: exit 10 with what to do, from every command; none of them makes it.
. "$(dirname "$0")/lib"
make_files
missing() {
  expect 10 "$@" --vault nowhere
  says "no vault at nowhere [HF0011]"
  says "holdfast vault init --vault nowhere"
}
missing backup run --path files
missing backup list
missing restore --snapshot latest --to out.d
missing vault check
missing vault unlock
missing verify
missing wal check
missing wal push 000000010000000000000001
[ ! -e nowhere ] && [ ! -e out.d ] || fail "something was written"
# A folder that is something else is no vault either, and stays as it is.
before=$(picture files)
expect 10 vault check --vault files
expect 10 backup run --vault files --path files
same "$before" "$(picture files)" "a folder that is no vault was written to"
