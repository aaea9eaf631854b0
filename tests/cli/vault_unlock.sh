#!/bin/sh
# vault unlock: finishes what dead writers had committed, and says when there is nothing to finish.
. "$(dirname "$0")/lib"
make_vault
expect_json 0 vault unlock --vault vault;       [ "$(count data.finished)" = 0 ] || fail "something was finished"
# A backup that is killed leaves a lease; the vault stays whole, and the next backup works.
head -c 60000000 /dev/urandom >files/big
"$holdfast" backup run --vault vault --path files >/dev/null 2>&1 &
writer=$!
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  [ "$(find vault/leases -type f | wc -l)" = 0 ] || break
  sleep 0.1
done
kill -9 $writer 2>/dev/null || true
wait $writer 2>/dev/null || true
expect 0 vault unlock --vault vault
expect 0 vault check --vault vault --read-data;  prints " 0 damaged"
expect 0 backup run --vault vault --path files
expect 0 restore --vault vault --snapshot latest --to back
diff -r files "back$work/files" || fail "what came back differs"
expect 0 vault unlock --vault vault; prints "nothing was left unfinished"
expect 10 vault unlock --vault nowhere
