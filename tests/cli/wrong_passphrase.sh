#!/bin/sh
# A wrong passphrase, or none: exit 12, and no trace in the vault nor anywhere else.
. "$(dirname "$0")/lib"
make_vault
expect 0 vault init --copy-of vault --vault copy
before=$(picture vault) copy_before=$(picture copy)
refused() {
  expect 12 "$@"
  says "wrong passphrase for vault"
  says "nothing was changed"
  prints_nothing
}
export HOLDFAST_PASSPHRASE=battery-staple
refused backup run --vault vault --path files
refused backup list --vault vault
refused restore --vault vault --snapshot latest --to out.d
refused vault check --vault vault --read-data
refused vault copy --vault vault --to copy
refused vault unlock --vault vault
refused vault init --copy-of vault --vault new
refused verify --vault vault
refused wal check --vault vault
refused wal push --vault vault 000000010000000000000001
expect 255 wal fetch --vault vault 000000010000000000000001 segment
export HOLDFAST_PASSPHRASE=
expect 12 backup run --vault vault --path files;   says "--passphrase-file FILE"
same "$before" "$(picture vault)" "a wrong passphrase changed the vault"
same "$copy_before" "$(picture copy)" "a wrong passphrase changed the copy"
[ ! -e new ] && [ ! -e out.d ] && [ ! -e segment ] || fail "something was written"
