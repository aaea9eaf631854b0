#!/bin/sh
# Runs that do not simply succeed: waiting for people (6), cancelled (130), killed and resumed, interrupted (130), failed (1),
# an objective missed (5); and a second one meanwhile (11), which a short append by another command is not.
. "$(dirname "$0")/lib"
make_files
listen west 127.0.2.1
west_port=$port west=$child
planned() {   # planned [APPROVALS [RTO]]: a new plan and its saved failover; its word of confirmation is always the same
  rm -f effects failover.json
  write_runbook "$@"
  expect 0 failover plan --save failover.json
}
apply() { code=$1; shift; expect_json "$code" failover apply failover.json --confirm "FAILOVER west" "$@"; run=$(value data.run); }
effects() { [ "$(cat effects 2>/dev/null | wc -l)" = "$1" ] || fail "the step's command ran $(wc -l <effects) times, not $1"; }

# Approvals by people whom the plan names, each counted once.
planned 2
apply 6 --approve dana;                        is data.state "waits for approval"; effects 0
expect_json 0 run list;                        is data.runs.0.state "waits for approval"
expect 0 run show "$run";                      prints "Next: holdfast run approve $run --by NAME"
expect 0 status;                               prints "holdfast run approve $run --by NAME"
expect 6 run resume "$run";                    prints "waits for approval"
expect_json 0 run approve "$run" --by dana;    is data.run "$run"
expect 6 run resume "$run" --approve dana
expect 12 run approve "$run" --by nobody;      says "'nobody' may not approve"
expect 11 failover apply failover.json --confirm "FAILOVER west";  says "holdfast run resume $run"
expect 0 run approve "$run" --by kim
expect_json 0 run resume "$run";               is data.state succeeded; effects 1
expect 2 run approve "$run";                   says "--by is required"

# A fence is waived only by those who may, for a component that is there; cancelled before it began.
planned 1
apply 6
expect 12 run waive-fence "$run" --component web --by kim --reason "power is cut";  says "'kim' may not waive a fence"
expect 2 run waive-fence "$run" --component wbe --by dana --reason "power is cut";  says "no component 'wbe'"
expect_json 0 run waive-fence "$run" --component web --by dana --reason "power is cut"
expect 0 journal list --run "$run";            prints "waiver.used"
expect_json 0 run cancel "$run" --by dana --reason "false alarm"
expect_json 130 run resume "$run";             is data.state cancelled; effects 0
expect 0 run show "$run";                      prints "false alarm"

# Killed right after the intent of its step, and once more after the outcome; resumed, the command ran once.
planned
expect_killed() { got=0; "$holdfast" "$@" >out 2>err || got=$?; [ $got = 137 ] || fail "it was not killed, but exited with $got"; }
HOLDFAST_CRASH_AFTER=step.intent:switch expect_killed failover apply failover.json --confirm "FAILOVER west"
expect_json 0 run list
run=$("$json_tool" get data.runs.2.run out);   is data.runs.2.state running
expect 0 status;                               prints "holdfast run resume $run"
expect 0 run show "$run";                      prints "Next: holdfast run resume $run"
expect 11 failover apply failover.json --confirm "FAILOVER west";  says "holdfast run resume $run"
HOLDFAST_CRASH_AFTER=step.outcome:switch expect_killed run resume "$run"
expect_json 0 run resume "$run";               is data.state succeeded; effects 1

# While a run goes on: a second one is refused (11), and Ctrl-C ends the first (130) in a state that resumes.
planned
sed -i 's,echo once,until [ -e go ]; do sleep 0.1; done; &,' holdfast.yaml
expect 0 failover plan --save failover.json
in_background first failover apply failover.json --confirm "FAILOVER west" -o json
first=$child
running() { "$holdfast" journal list 2>/dev/null | tail -1 | grep -q step.running; }
wait_until running
expect 11 failover apply failover.json --confirm "FAILOVER west";  says "journal"
kill -INT $first
ends 130 $first
touch go
"$json_tool" valid "$source/docs/schemas" first.out || fail "the interrupted run's result is not as its schema says"
run=$("$json_tool" get data.run first.out)
expect_json 0 run resume "$run";               is data.state succeeded; effects 1

# A command that has the journal for a moment holds up a failover, and does not end it.
planned
( flock 9; sleep 1 ) 9>>"$HOLDFAST_STATE/journal/lock" &
apply 0;                                       effects 1

# Nothing answers where the traffic shall go: failed, with what is changed.
planned
kill -9 $west
apply 1;                                       is data.state failed; is data.steps.1.state failed
says "changed: switch"; says "not done: users"; says "failover plan"

# Done, and later than promised.
listen west2 127.0.2.1 "" "$west_port"
planned 0 1600ms
sed -i 's/echo once/sleep 2; echo once/' holdfast.yaml
expect 0 failover plan --save failover.json
apply 5;                                       is data.state succeeded; is data.objectives.0.met false
expect 0 run list;                             prints "succeeded"
