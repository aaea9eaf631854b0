#!/bin/sh
# With nothing recorded yet: commands that read say so and make nothing; status and the document work from the plan alone.
. "$(dirname "$0")/lib"
for words in "run list" "journal list"; do
  expect_json 0 $words
  [ "$(count data.runs 2>/dev/null || count data.entries)" = 0 ] || fail "$words lists something"
  expect 0 $words
  says "warning: no journal in $HOLDFAST_STATE/journal"; says "--state"
done
for words in "run show f-1" "journal verify" "journal export" "evidence controls"; do
  expect_json 1 $words
  is errors.0.kind not_found
  says "no journal in $HOLDFAST_STATE/journal"; says "--state"
done
[ ! -e "$HOLDFAST_STATE" ] || fail "a command that reads made a state folder"
for words in "status" "document build" "run resume f-1" "failover plan" "failover apply f.json" "failover watch" "probe run --region east" "verify web"; do
  expect 10 $words
  says "[HF0010]"
done
write_plan
expect_json 0 status;              is data.components.0.name web; is data.components.0.protected false; is data.components.0.recovery_point_age_seconds null
expect 0 status;                   prints "holdfast backup run web"
expect_json 0 document build --to doc;   is data.measured 0
grep -q "not measured" doc/disaster-recovery-plan.md || fail "the document does not say what it lacks"
expect 1 evidence verify nowhere.tar;    says "nowhere.tar"
rm -rf "$HOLDFAST_STATE"
for words in "evidence export f-1" "run cancel f-1 --by dana" "run approve f-1 --by dana" "run resume f-1"; do
  expect 1 $words
  says "no journal in $HOLDFAST_STATE/journal"
done
[ ! -e "$HOLDFAST_STATE" ] || fail "a command about a run that is not there made a state folder"
expect 2 probe run --region nowhere;     says "the plan has no region 'nowhere'"
expect 1 probe run --region east;        says "no health check of the plan is made from east"
expect 1 failover plan;                  says "no failover runbook"; says "hint: Write the section failover"
