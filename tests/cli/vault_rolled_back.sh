#!/bin/sh
# A store that was put back to an older state is noticed by a machine that saw the newer one, and by that machine only.
. "$(dirname "$0")/lib"
make_vault
cp -a vault older
expect 0 backup run --vault vault --path files
rm -rf vault && cp -a older vault
for words in "backup list" "backup run --path files" "vault check" "restore --snapshot latest --to back" "vault prune --keep-last 1" "vault unlock"; do
  expect 4 $words --vault vault;                 says "is older than this machine saw it: commit 1 where 2 was seen"; says "--accept-older"
done
for words in "vault stats" "vault scrub" "wal check" "backup diff latest latest" "mount $work/nothing"; do
  expect 4 $words --vault vault;                 says "is older than this machine saw it: commit 1 where 2 was seen"
done
[ ! -e back ] || fail "something was restored"
expect 0 backup list --vault vault --state elsewhere
expect 0 backup list --vault vault --accept-older;  says "was accepted"
expect 0 backup list --vault vault
# A prune removes commits, which is not that.
expect 0 backup run --vault vault --path files
expect 0 vault prune --vault vault --keep-last 1
expect 0 backup list --vault vault
# A memory that is damaged is said, and begun anew.
for f in state/vaults/seen/*; do echo lie >"$f"; done
expect 0 backup list --vault vault;              says "is damaged"
expect 0 backup list --vault vault
[ ! -s err ] || fail "it is said twice"
