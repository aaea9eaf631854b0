#!/bin/sh
# One probe a region: a second one is refused (exit 11) at once, also when it would write heartbeats; a stop ends the first.
. "$(dirname "$0")/lib"
write_plan
cat >>holdfast.yaml <<PLAN
  orders-db:
    kind: postgres
    primary: {region: east, dsn: "host=$work/absent user=postgres dbname=orders", host: 127.0.1.1, port: 5432}
    canary: {every: 1s}
    backups: [{kind: full, every: 1h, vault: main, keep: 30d}]
health:
  web: {tcp: "127.0.0.1:1", every: 1s, timeout: 1s, from: [east], quorum: 1}
PLAN
"$holdfast" probe run --region east --canary >first.out 2>first.err </dev/null &
first=$!
for try in $(seq 600); do
  [ ! -s coordination/votes/east.json ] || break
  sleep 0.1
done
expect 11 probe run --region east --canary;      says "voting for east"
expect 11 probe run --region east
kill -TERM $first
got=0
wait $first || got=$?
[ $got = 0 ] || [ $got = 130 ] || fail "the first probe ended with $got"
