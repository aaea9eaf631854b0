#!/bin/sh
# A backup that is killed is gone on with: what is stored is not sent again, and files that were done are not read again.
. "$(dirname "$0")/lib"
mkdir files
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do head -c 6000000 /dev/urandom >files/data$n; done
sleep 2                                        # files changed just before a run are read again: their times do not vouch for them
expect 0 vault init --vault vault
packs() { find vault/packs -name '*-*' 2>/dev/null | wc -l; }
some_packs() { [ "$(packs)" -ge 2 ]; }
for try in 1 2 3 4 5 6 7 8; do                  # faster than we: once more, from the beginning
  rm -rf vault/packs vault/index vault/commits state/vaults
  step_until some_packs killed backup run --vault vault --path files && break
done
some_packs && [ ! -e vault/commits ] || fail "it was never caught between two packs"
kill -9 $child
wait $child 2>/dev/null || true
{
  before=$(find vault/packs -name '*-*' -exec cat {} + | wc -c)
  expect_json 0 backup run --vault vault --path files
  [ "$(value data.resumed_files)" -ge 1 ] || fail "nothing was gone on with"
  [ "$(($(value data.new_bytes) + before))" -le 76000000 ] || fail "what was stored was sent again"
}
stored=$(find vault/packs -name '*-*' -exec cat {} + | wc -c)
[ "$stored" -le 76000000 ] || fail "$stored bytes are stored of 72000000, parity included"
[ -z "$(find vault/leases -type f)" ] || fail "a lease was left behind"
[ -z "$(find state/vaults/sessions -type f ! -name '*.lock')" ] || fail "a journal was left behind"
expect 0 vault check --vault vault --read-data;  prints " 0 damaged"
expect 0 restore --vault vault --snapshot latest --to back
diff -r files "back$work/files" || fail "what came back differs"
# A journal that lies, or is torn, costs work and nothing else.
echo more >files/more
in_background killed backup run --vault vault --path files --reread
kill -9 $child 2>/dev/null || true
wait $child 2>/dev/null || true
for f in state/vaults/sessions/*; do echo garbage >>"$f"; done
expect 0 backup run --vault vault --path files
expect 0 vault check --vault vault --read-data;  prints " 0 damaged"
