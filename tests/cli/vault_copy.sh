#!/bin/sh
# A copy is made empty, then brought up to date; it restores by itself. A vault that is no copy is refused.
. "$(dirname "$0")/lib"
make_vault
# Where no copy was ever seen one is made; one that is gone is not, because its disk may not be mounted.
expect_json 0 vault copy --vault vault --to first;             is data.commits 1
expect 0 vault check --vault first --read-data;                prints "1 snapshot"
mv first unmounted
expect 10 vault copy --vault vault --to "$work/./first/";      says "mounted"; says "vault init --copy-of vault --vault"
[ ! -e first ] || fail "something was made where a copy was"
mv unmounted first
expect_json 0 vault copy --vault vault --to first;             is data.packs 0; is data.commits 0
mkdir full
touch full/letter
expect 1 vault copy --vault vault --to full;                   says "not empty"
[ "$(ls -A full)" = letter ] || fail "a folder that is not empty was written to"
HOLDFAST_PASSPHRASE=wrong expect 12 vault copy --vault vault --to early
[ ! -e early ] || fail "a copy was made before the passphrase was tried"
expect_json 0 vault init --copy-of vault --vault copy
expect_json 0 vault copy --vault vault --to copy;              is data.commits 1
expect_json 0 vault copy --vault vault --to copy;              is data.packs 0; is data.commits 0
expect 0 vault check --vault copy --read-data;                 prints "1 snapshot"
mv vault gone
expect 0 restore --vault copy --snapshot latest --to back
diff -r files "back$work/files" || fail "what came back from the copy differs"
mv gone vault

expect 0 vault init --vault stranger
before=$(picture stranger)
expect 1 vault copy --vault vault --to stranger;               says "hint:"
same "$before" "$(picture stranger)" "a vault that is no copy was written to"
expect 10 vault init --copy-of nowhere --vault other;          says "no vault at nowhere"
[ ! -e other ] || fail "a failed init left a folder"
expect 2 vault copy --vault vault --to vault;                  says "copied to itself"; says "hint:"
expect 2 vault copy --vault vault;                             says "--to is required"

# A part of a vault: by component and kind; what is not there is said, with what is.
expect 0 vault init --vault parts
mkdir more && head -c 300000 /dev/urandom >more/random
expect 0 backup run --vault parts --path files --component web
expect 0 backup run --vault parts --path more --component logs
expect 0 vault init --copy-of parts --vault part
expect 1 vault copy --vault parts --to part --component wbe;  says "There are: logs (files), web (files)."
expect 1 vault copy --vault parts --to part --component web --kind logical;  says "There are: logs (files)"
expect 2 vault copy --vault parts --to part --kind half;       says "full, incremental, logical, snapshot, wal"
expect 2 vault copy --vault parts --to part --name copy;       says "--name takes both vaults from the plan"
[ -z "$(in_folder part/commits 2>/dev/null)" ] || fail "a filter that matches nothing copied something"
expect_json 0 vault copy --vault parts --to part --component web
is data.commits 1; is data.chosen_snapshots 1; is data.lag.snapshots 0; is data.lag.seconds 0
expect 0 vault check --vault part --read-data;                 prints "1 snapshot"
[ "$(du -sk part/packs | cut -f1)" -lt 250 ] || fail "packs came that nothing in the copy needs"
expect_json 0 vault copy --vault parts --to part;              is data.commits 1; is data.chosen_snapshots null

# What the plan's `only` takes.
write_plan
sed -i -e "s,^  main: .*,  main: {region: east\, url: \"$work/parts\"\, key: env:HOLDFAST_PASSPHRASE}," \
  -e "s,\(copy_of: main\, within: 15m\)},\1\, only: {classes: [L1]\, kinds: [full]}}," \
  -e "s,{kind: files\, ,&class: L1\, ," holdfast.yaml
cat >>holdfast.yaml <<PLAN
  logs: {kind: files, class: L4, paths: ["$work/more"], backups: [{every: 1h, vault: main, keep: 30d}]}
classes:
  L1: {name: Critical, means: the region is gone, covers: [region-loss], rto: 4h, rpo: 2h, severity: P1}
  L4: {name: Minor, means: a server is gone, covers: [server-loss], rto: 8h, rpo: 1d, severity: P4}
PLAN
rm -rf copy
expect 10 vault copy --name copy;                              says "vault init --copy-of $work/parts --vault $work/copy"
expect 0 vault init --copy-of parts --vault copy
expect 2 vault copy --name main;                               says "is no copy"
expect 2 vault copy --to copy --vault parts --class L9;        says "There are: L1, L4."
expect_json 0 vault copy --name copy
is data.commits 1; is data.chosen_snapshots 1; is data.lag.within_seconds 900
expect 0 backup list --vault copy;                             prints " web "
! grep -q " logs " "$work/out" || fail "a class that the copy does not take was copied"
expect_json 0 vault copy --vault parts --to copy --class L4;   is data.commits 1
