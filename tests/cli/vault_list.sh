#!/bin/sh
# vault list: the vaults of the plan with what each has; where some do not answer it is partial, where none does it failed.
. "$(dirname "$0")/lib"
make_files
write_plan
expect 1 vault list;                     says "no vault at"; prints "not reached"
expect 0 vault init --vault vault
expect 0 backup run web
expect_json 3 vault list;                is data.vaults.0.reached true; is data.vaults.0.snapshots 1; is data.vaults.1.reached false
expect 0 vault init --copy-of vault --vault copy; expect 0 vault copy --vault vault --to copy
expect_json 0 vault list;                is data.vaults.1.copy_of main; is data.vaults.1.snapshots 1
[ "$(value data.vaults.1.newest)" = "$(value data.vaults.0.newest)" ] || fail "the copy is of another time"
expect 0 vault list;                     prints "SNAPSHOTS"
mv vault elsewhere
expect_json 3 vault list;                is data.vaults.0.reached false; says "vault 'main'"
