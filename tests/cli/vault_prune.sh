#!/bin/sh
# vault prune: says what it would do, does that, frees the space, and what is kept restores bit for bit.
. "$(dirname "$0")/lib"
make_vault
for n in 1 2 3; do
  head -c 3000000 /dev/urandom >files/data$n
  [ $n = 1 ] || rm -f files/data$((n - 1))
  expect 0 backup run --vault vault --path files
done
before=$(du -sk vault/packs | cut -f1)
snapshots=$(ls vault/commits | wc -l)
expect 2 vault prune --vault vault --keep-last none
expect 2 vault prune --vault vault --keep 30
expect_json 0 vault prune --vault vault --keep-last 1 --dry-run
is data.dry_run true
[ "$(count data.kept)" = 1 ] || fail "a dry run would not keep one"
[ "$(count data.removed)" = $((snapshots - 1)) ] || fail "a dry run would not remove the others"
[ "$(ls vault/commits | wc -l)" = "$snapshots" ] || fail "a dry run removed something"
expect 0 vault prune --vault vault --keep 30d;   prints "younger than 30d"
[ "$(ls vault/commits | wc -l)" = "$snapshots" ] || fail "what is younger than 30d went"
expect_json 0 vault prune --vault vault --keep-last 1
is data.pending false
[ "$(count data.removed)" = $((snapshots - 1)) ] || fail "the others were not removed"
after=$(du -sk vault/packs | cut -f1)
[ $((after + 4000)) -lt "$before" ] || fail "packs took $before KiB, and still take $after"
expect 0 vault check --vault vault --read-data;  prints " 0 damaged"
expect 0 restore --vault vault --snapshot latest --to back
diff -r files "back$work/files" || fail "what came back differs"
expect 0 backup run --vault vault --path files
expect 10 vault prune --vault nowhere --keep-last 1
