#!/bin/sh
# probe, failover and run with bad input: what is missing is said, nothing is done.
. "$(dirname "$0")/lib"
write_plan
expect 2 probe run;                             says "--region is required"
expect 2 probe run --region nowhere;            says "nowhere"
expect 1 failover plan;                         says "no failover runbook"
expect 1 failover watch;                        says "no failover runbook"
expect 1 failover apply nowhere.json;           says "nowhere.json"
echo '{}' >empty.json
expect 1 failover apply empty.json;             [ -s err ]
echo 'nonsense' >bad.json
expect 1 failover apply bad.json
expect 2 failover apply;                        says "takes FILE"
expect 2 run waive-fence f-1 --by dana;         says "is required"
expect 1 wal seal --spool nowhere;              says "nowhere"
sed -i 's/role: primary/role: primry/' holdfast.yaml
for words in "probe run --region east" "failover plan" "failover watch" "status" "backup run web" "document build"; do
  expect 1 $words
  says "has errors"; says "primry"; says "holdfast lint"
done
# `-o FILE` saves, `-o json` is the form: both at once are understood, and refused for the plan alone.
expect 1 failover plan -o failover.json -o json;  is errors.0.kind invalid
expect 2 failover plan -o one.json -o two.json;   says "--save stands more than once"
expect 2 failover plan -o json -o json;           says "--output stands more than once"
[ ! -e failover.json ] || fail "a plan was saved that was not made"
# PostgreSQL takes 1 to 125 from a restore_command for "no such WAL": a mistyped one must stop it.
expect 255 wal fetch one;                       says "takes NAME PATH"
expect 255 wal fetch --nonsense one two;        says "no option --nonsense"
expect 255 wal fecth one two;                   says "Did you mean 'holdfast wal fetch'?"
expect 255 wal fetch one two --tail all;        says "--tail is sealed or any"
# A state folder where no journal can be: it says that, not that somebody else has it.
write_runbook
expect 0 failover plan --save failover.json
: >"$work/file"
expect 1 failover apply failover.json --confirm "FAILOVER west" --state "$work/file";  says "nothing was started"
# What this version does not execute is told by lint, and refused before anything is looked at or done.
sed -i 's/^  steps:$/&\n    - {name: ready, check: [vault-fresh, channels-open]}/' holdfast.yaml
expect 0 lint;                                  prints "the check channels-open of step 'ready'"
expect 1 failover plan;                         says "'ready' (the check channels-open)"; says "hint:"
