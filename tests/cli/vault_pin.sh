#!/bin/sh
# Pins and legal holds keep snapshots from any prune, which says so; they are released by command, and travel with copies.
. "$(dirname "$0")/lib"
make_vault
expect_json 0 backup list --vault vault
first=$(value data.snapshots.0.snapshot)
for n in 1 2 3; do
  echo $n >>files/one
  expect 0 backup run --vault vault --path files
done
expect_json 0 backup list --vault vault
second=$(value data.snapshots.1.snapshot)
expect 0 vault hold list --vault vault;                                  prints "no snapshot is pinned or held"
expect_json 0 backup pin "$first" --vault vault --reason "before the move";  is data.on true; is data.kind pin
expect 1 vault init --vault vault;                                           says "there is a vault at vault"
expect 2 vault hold set "$second" --vault vault;                         says "--reason"
expect_json 0 vault hold set "$second" --vault vault --reason "case 7";  is data.kind hold
expect 1 backup pin 0123456789 --vault vault;                            says "no snapshot"
expect 2 backup pin --vault vault
expect_json 0 vault hold list --vault vault
[ "$(count data.holds)" = 2 ] || fail "there are not two"
expect 0 vault prune --vault vault --keep-last 1 --dry-run
prints "pinned: before the move"; prints "legal hold: case 7"
expect_json 0 vault prune --vault vault --keep-last 1
[ "$(count data.kept)" = 3 ] || fail "not three stayed"
expect 0 vault init --copy-of vault --vault copy
expect 0 vault copy --vault vault --to copy
expect 0 vault prune --vault copy --keep-last 1;                         prints "legal hold: case 7"
expect_json 0 backup unpin "$first" --vault vault;                       is data.on false
expect 2 vault hold release "$second" --vault vault;                     says "--reason"
expect_json 0 vault prune --vault vault --keep-last 1
[ "$(count data.kept)" = 2 ] || fail "not two stayed"
expect_json 0 vault hold release "$second" --vault vault --reason "closed";  is data.on false
expect 0 vault hold list --vault vault;                                  prints "released"
expect_json 0 vault prune --vault vault --keep-last 1
[ "$(count data.kept)" = 1 ] || fail "not one stayed"
expect 1 backup pin "$first" --vault vault
expect 0 vault check --vault vault --read-data;                          prints " 0 damaged"
