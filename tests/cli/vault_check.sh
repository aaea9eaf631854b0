#!/bin/sh
# vault check: counts what is there; finds exactly the object in which a byte was flipped, and exits 13.
. "$(dirname "$0")/lib"
make_vault
expect_json 0 vault check --vault vault;                  is data.snapshots 1; [ "$(count data.damaged)" = 0 ]
expect_json 0 vault check --vault vault --read-data;      [ "$(value data.read_bytes)" -gt 10000 ] || fail "nothing was read"
expect_json 0 vault check --vault vault --read-data=50%
expect 2 vault check --vault vault --read-data=0%;        says "--read-data=10%"
expect 2 vault check --vault vault --read-data=most;      says "--read-data=10%"

pack=$(cd vault && find packs -type f -size +20k | head -1)
flip_byte "vault/$pack" 5000
before=$(picture vault)
expect_json 13 vault check --vault vault --read-data;     [ "$(count data.damaged)" = 1 ] || fail "not exactly one damage"
is data.damaged.0.object "$pack";                         says "damaged in the vault: 1 object"
[ "$(count data.damaged.0.snapshots)" = 1 ] || fail "the snapshot that is hit is not named"
same "$before" "$(picture vault)" "a check changed the vault"
expect 13 restore --vault vault --snapshot latest --to out.d;  says "$pack"
