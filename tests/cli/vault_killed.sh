#!/bin/sh
# SIGKILL at points drawn from a seed, in each command that writes to a vault: nothing that was there is lost, the vault is whole,
# and the same command run again does its work.
. "$(dirname "$0")/lib"
seed=${HOLDFAST_SEED:-20260101}
echo "seed $seed"
draw() { seed=$(((seed * 1103515245 + 12345) % 2147483648)); drawn=$((seed / 65536 % $1)); }     # 0 to $1 - 1
mkdir files
for n in 1 2 3 4; do head -c 3000000 /dev/urandom >files/data$n; done
seq 1 100000 >files/text
expect 0 vault init --vault vault
expect 0 vault init --copy-of vault --vault copy
expect 0 backup run --vault vault --path files
cp -r files first
expect_json 0 backup list --vault vault
id=$(value data.snapshots.0.snapshot)
expect 0 backup pin "$id" --vault vault
# killed NAME words...: at a number of steps of a few milliseconds that the seed says; it may be done before.
kills=0
killed() {
  name=$1
  shift
  draw 40
  left=$drawn
  if step_until 'left=$((left - 1)); [ $left -lt 0 ]' "$name" "$@"; then kills=$((kills + 1)); fi
  kill -9 $child 2>/dev/null || true
  wait $child 2>/dev/null || true
  for v in vault copy; do
    expect 0 vault check --vault $v --read-data
    prints " 0 damaged"
  done
  rm -rf back
  expect 0 restore --vault vault --snapshot "$id" --to back
  diff -r first "back$work/files" || fail "the first snapshot differs after a killed $name"
  expect 0 "$@"
}
for round in 1 2 3; do
  draw 4
  head -c 2000000 /dev/urandom >>files/data$((drawn + 1))
  killed backup backup run --vault vault --path files
  killed copy vault copy --vault vault --to copy
  killed prune vault prune --vault vault --keep-last 1 --dead-after 1s
  killed rebuild vault rebuild --vault vault
done
[ $kills -ge 6 ] || fail "only $kills of 12 commands were killed in the midst of their work"
