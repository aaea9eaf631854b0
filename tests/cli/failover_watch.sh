#!/bin/sh
# Probes that vote, and the watcher that counts: up while the target answers, lost once enough of them say so; one vantage
# point alone, or one whose own uplink is down, is not enough.
. "$(dirname "$0")/lib"
make_files
listen west 127.0.2.1
west_port=$port
listen east 127.0.1.1
east_port=$port east=$child
write_runbook
json_lines() {   # every line of a stream is JSON, the first says the version, the last is a result as its schema says
  [ "$(head -1 "$1")" = '{"type":"version","schema":"1"}' ] || fail "$1 begins with $(head -1 "$1")"
  tail -1 "$1" >last
  "$json_tool" valid "$source/docs/schemas" last || fail "$1 does not end as the schema says"
}

expect 1 probe run --region east;          says "east"
in_background west probe run --region west -o jsonl;   west_probe=$child
vote() { grep -q -s "\"state\":\"$2\"" "coordination/votes/$1.json"; }
wait_until vote west up
in_background lonely failover watch --once -o jsonl;   lonely=$child
kill -9 $east
wait_until vote west down
sleep 1
kill -0 $lonely || fail "one vantage point alone was believed"
kill -TERM $lonely
ends 0 $lonely
json_lines lonely.out
! grep -q detection lonely.out || fail "one vantage point alone was believed"

in_background south probe run --region south;          south_probe=$child
wait_until vote south down
expect_json 0 failover watch --once --region west
is data.detection.region east; is data.detection.class L1; is data.detection.down_votes 2; is data.detection.needed 2
expect_json 0 journal list;                [ "$(grep -c '"type":"detection"' out)" = 1 ] || fail "the detection is not in the journal"
expect_json 0 failover plan
"$json_tool" get data.spec.impact_at out >/dev/null || fail "the plan does not count from the first failure"
expect 0 failover plan --save failover.json
expect_json 0 failover apply failover.json --confirm "FAILOVER west"
[ "$(value data.rto_seconds | cut -d. -f1)" -lt 60 ] || fail "the RTO is $(value data.rto_seconds)"

kill -TERM $west_probe && ends 0 $west_probe
kill -INT $south_probe && ends 0 $south_probe
json_lines west.out
grep -q "probing 1 target from south" south.out || fail "the probe does not say what it does"
