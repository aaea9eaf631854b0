#!/bin/sh
# The format pages suffice: a verifier written from them alone (tests/evidence_reader.py) agrees with Holdfast about a journal, its
# signed checkpoint and a bundle; one bit of any byte changed, or an event dropped, moved or changed with the sums made right
# again, and neither of them accepts it. Every figure of the document has a note that names its event.
. "$(dirname "$0")/lib"
reader() { /usr/bin/python3 "$source/tests/evidence_reader.py" "$@"; }
make_files
listen west 127.0.2.1
west_port=$port
write_runbook
expect 0 failover plan --save failover.json
expect_json 0 failover apply failover.json --confirm "FAILOVER west"
run=$(value data.run)
expect_json 0 journal verify
root=$(value data.root) events=$(value data.events)
reader journal "$HOLDFAST_STATE/journal" >said
grep -q "^$events events, $events of them signed for, root $root\$" said || fail "the second verifier says: $(cat said)"
expect 0 document build --to doc
reader notes doc/disaster-recovery-plan.md "$HOLDFAST_STATE/journal" >said || fail "a note is wrong"

expect 0 evidence export "$run" --to bundle.tar
reader verify bundle.tar "$(cat "$HOLDFAST_STATE/journal/key.pub")" >said
grep -q " $run succeeded\$" said || fail "the second verifier says: $(cat said)"
if reader verify bundle.tar another+key+AAAA 2>err; then fail "another journal's key is accepted"; fi
says "it is not the journal that was expected"
reader flips bundle.tar >said || fail "a byte may be changed: $(cat said)"
mkdir forged
reader forge bundle.tar forged >said || fail "a forgery is not seen by the second verifier"
for forgery in forged/*.tar; do expect 13 evidence verify "$forgery"; done
[ "$(ls forged | wc -l)" = 12 ] || fail "not twelve forgeries"
# Holdfast itself, on the file, for a byte in each 512 of it.
size=$(stat -c %s bundle.tar)
at=77
while [ $at -lt "$size" ]; do
  cp bundle.tar flipped.tar
  flip_byte flipped.tar $at
  expect 13 evidence verify flipped.tar
  at=$((at + 512))
done

# The last byte of the log cut off: acknowledged and signed for, so both see it.
last=$(ls "$HOLDFAST_STATE"/journal/log/*.seg | tail -1)
truncate -s -1 "$last"
if reader journal "$HOLDFAST_STATE/journal" 2>err; then fail "a log cut short is accepted"; fi
expect 13 journal verify;                says "acknowledged events are gone"
