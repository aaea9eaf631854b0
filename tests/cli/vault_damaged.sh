#!/bin/sh
# A damaged vault: exit 13 with the object, and the vault as it was.
. "$(dirname "$0")/lib"
make_vault
damaged() {   # damaged OBJECT words...: exit 13, the object named, nothing changed
  object=$1
  shift
  before=$(picture broken)
  expect_json 13 "$@"
  is errors.0.kind corrupt
  grep -q "$object" out err || fail "$object is not named"
  same "$before" "$(picture broken)" "a damaged vault was changed"
}
fresh() { rm -rf broken out.d; cp -a vault broken; }
pack() { (cd broken && find packs -type f -size "$1" | sort | head -1); }

fresh; flip_byte broken/config/1 200
damaged config/1 backup list --vault broken
damaged config/1 backup run --vault broken --path files
fresh; truncate -s 100 broken/config/1;              damaged config/1 vault check --vault broken
fresh; truncate -s 0 broken/config/1;                damaged config/1 vault check --vault broken
fresh; c=$(cd broken && find commits -type f); flip_byte "broken/$c" 150
damaged "$c" backup list --vault broken
damaged "$c" vault check --vault broken
fresh; p=$(pack +20k); rm -f "broken/$p";            damaged "$p" vault check --vault broken
fresh; p=$(pack +20k); truncate -s 9999 "broken/$p"; damaged "$p" vault check --vault broken
fresh; p=$(pack +20k); flip_byte "broken/$p" 9000;   damaged "$p" vault check --vault broken --read-data
damaged "$p" restore --vault broken --snapshot latest --to out.d
