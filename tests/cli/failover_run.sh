#!/bin/sh
# A failover from its plan to its evidence: shown, confirmed by its hash, carried out once, listed, documented, exported and
# verified offline. What is not confirmed, or not what was shown, changes nothing (exit 4).
. "$(dirname "$0")/lib"
make_files
listen west 127.0.2.1
west_port=$port
write_runbook
once() { [ "$(cat effects)" = once ] || fail "the step's command ran $(wc -l <effects) times"; }

expect_json 0 failover plan
is data.target west; is data.source east; is data.class L1; is data.confirm "FAILOVER west"; is data.steps.0.state not_done
[ "$(count data.steps)" = 2 ] || fail "not two steps"
expect 0 failover plan -o failover.json;             prints "switch"; prints "Next: holdfast failover apply failover.json"
expect 0 failover plan --save other.json
hash=$("$json_tool" get hash failover.json)
expect_json 4 failover apply failover.json;          says "is not confirmed"; says "--confirm $hash"
expect 4 failover apply failover.json --confirm "FAILOVER east"
expect 4 failover apply failover.json --confirm "$("$json_tool" get hash other.json)"
sed 's/"steps"/"stops"/' failover.json >forged.json
expect 13 failover apply forged.json --confirm "$hash";  says "not what its hash was made of"
expect 12 failover apply failover.json --confirm "$hash" --approve nobody;  says "'nobody' may not approve"
[ ! -e effects ] || fail "something was done without a confirmation"

expect_json 0 failover apply failover.json --confirm "$hash"
once
run=$(value data.run)
is data.state succeeded; is data.steps.0.changed yes; is data.steps.1.state done; is data.fence.level none
is data.objectives.0.name rto; is data.objectives.0.met true
expect 4 failover apply failover.json --confirm "$hash";   says "run $run"
expect 4 failover apply other.json --confirm "FAILOVER west";  says "the world is not the one that was shown"
once

expect_json 0 run list;                              [ "$(count data.runs)" = 1 ] || fail "not one run"; is data.runs.0.state succeeded
expect_json 0 run show "$run";                       is data.run "$run"; is data.steps.0.state done
expect_json 0 run show f-2;                          is data.run "$run"
expect 0 run show "$run";                            prints "run $run: succeeded"
expect_json 0 run resume "$run";                     is data.state succeeded
expect 4 run approve "$run" --by dana;               says "is finished already"
expect 4 run cancel "$run" --by dana;                says "is finished already"
expect_json 0 journal list --run "$run";             [ "$(count data.entries)" -gt 5 ] || fail "hardly an event"
expect_json 0 journal verify

expect_json 0 evidence export "$run" --to bundle.tar;  is data.bundle bundle.tar
expect_json 1 evidence export "$run" --to bundle.tar;  is errors.0.kind exists; says "never overwritten"; says "--to FILE"
expect 0 evidence export "$run";                     [ -s "evidence-$run.tar" ] || fail "the default name was not used"
mv "$HOLDFAST_STATE" gone
expect_json 0 evidence verify bundle.tar;            is data.run "$run"; is data.state succeeded; is data.first_bad null
key=$(value data.verifier_key)
expect 0 evidence verify bundle.tar --key "$key";    prints "(as expected)"
expect 13 evidence verify bundle.tar --key "$(printf '%064d' 0)"
expect 2 evidence verify bundle.tar --key 12;        says "--key is no public key"
offset=$(grep -a -b -o -m 1 '"run.started"' bundle.tar | head -1 | cut -d: -f1)
flip_byte bundle.tar $((offset + 3))
expect_json 13 evidence verify bundle.tar;           says "this evidence does not hold"
head -c 2000 "evidence-$run.tar" >short.tar
expect_json 13 evidence verify short.tar
mv gone "$HOLDFAST_STATE"

expect_json 0 document build --to doc;               [ "$(value data.measured)" -gt 0 ] || fail "no figure is in the document"
grep -q "$run" doc/disaster-recovery-plan.md || fail "the document does not name the run"
expect 0 evidence controls
