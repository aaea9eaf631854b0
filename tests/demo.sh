#!/bin/sh
# The demo proves every step, says so as one JSON object, and leaves nothing behind.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
before=$(ls -d /tmp/holdfast-demo-* 2>/dev/null | wc -l)
shared_memory() { echo "$(($(ls /dev/shm | wc -l) + $(tail -n +2 /proc/sysvipc/shm | wc -l)))"; }
shared=$(shared_memory)
"$HOLDFAST_BUILD/holdfast" demo -o json >result.json
[ "$(wc -l <result.json)" = 1 ] || { echo "the result is not one line"; exit 1; }
"$HOLDFAST_BUILD/tests/json_tool" valid "$HOLDFAST_SOURCE/docs/schemas" result.json
grep -q '"ok":true' result.json
grep -q '"lost":0' result.json
for step in environment lint backup verify sabotage disaster failover ghost point-in-time document; do
  grep -q "\"name\":\"$step\",\"proven\":true" result.json || { echo "step $step is not proven"; exit 1; }
done
after=$(ls -d /tmp/holdfast-demo-* 2>/dev/null | wc -l)
[ "$before" = "$after" ] || { echo "a folder of the demo is left in /tmp"; exit 1; }
[ "$(shared_memory)" -le "$shared" ] || { echo "shared memory of killed servers is left (/dev/shm, ipcs -m)"; exit 1; }
[ -s holdfast-demo-*/disaster-recovery-plan.html ]
[ -s holdfast-demo-*/evidence.tar ]
