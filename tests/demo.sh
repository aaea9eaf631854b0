#!/bin/sh
# The demo proves every step, says so as one JSON object, and leaves nothing behind.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
before=$(ls -d /tmp/holdfast-demo-* 2>/dev/null | wc -l)
# Shared memory that no process has attached: what a killed server leaves. That of other servers on this machine is none.
orphans() {
  awk 'NR > 1 && $7 == 0 { print "segment " $2 }' /proc/sysvipc/shm
  for file in /dev/shm/PostgreSQL.*; do
    [ ! -e "$file" ] || grep -q -s "$file" /proc/[0-9]*/maps || echo "$file"
  done
}
orphans | sort >before
"$HOLDFAST_BUILD/holdfast" demo -o json >result.json
[ "$(wc -l <result.json)" = 1 ] || { echo "the result is not one line"; exit 1; }
"$HOLDFAST_BUILD/tests/json_tool" valid "$HOLDFAST_SOURCE/docs/schemas" result.json
grep -q '"ok":true' result.json
grep -q '"lost":0' result.json
for step in environment lint backup verify sabotage disaster failover ghost point-in-time document; do
  grep -q "\"name\":\"$step\",\"proven\":true" result.json || { echo "step $step is not proven"; exit 1; }
done
grep -q '"healed_by_parity_seconds":' result.json && grep -q '"healed_from_copy_seconds":' result.json || { echo "nothing was healed"; exit 1; }
after=$(ls -d /tmp/holdfast-demo-* 2>/dev/null | wc -l)
[ "$before" = "$after" ] || { echo "a folder of the demo is left in /tmp"; exit 1; }
orphans | sort >after_all
comm -13 before after_all >left
[ ! -s left ] || { echo "shared memory of killed servers is left:"; cat left; exit 1; }
[ -s holdfast-demo-*/disaster-recovery-plan.html ]
[ -s holdfast-demo-*/evidence.tar ]
