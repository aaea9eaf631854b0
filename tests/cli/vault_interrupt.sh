#!/bin/sh
# SIGINT ends a long command with 130, says what is durable, and leaves nothing that the next run cannot go on with.
. "$(dirname "$0")/lib"
mkdir files
for n in 1 2 3 4 5 6 7 8; do head -c 8000000 /dev/urandom >files/data$n; done
expect 0 vault init --vault vault
expect 0 vault init --copy-of vault --vault copy
# interrupted NAME words...: is sent SIGINT as soon as it runs; it was either done before, or ends with 130 and says so.
interrupted() {
  name=$1
  shift
  in_background "$name" "$@" -o json
  wait_until test -d "/proc/$child"
  sleep 0.1
  kill -INT $child 2>/dev/null || true
  got=0
  wait $child || got=$?
  cp "$name.out" out
  cp "$name.err" err
  case $got in
    0) ;;
    130) "$json_tool" valid "$source/docs/schemas" out || fail "what an interrupted $name prints is not as its schema says"
         is exit_code 130; says "interrupted"; says "$sentence" ;;
    *) fail "$* exited with $got" ;;
  esac
}
sentence="Run the same command again: it goes on"
interrupted backup backup run --vault vault --path files
expect 0 backup run --vault vault --path files
interrupted copy vault copy --vault vault --to copy
expect 0 vault copy --vault vault --to copy
sentence="A check changes nothing"
interrupted check vault check --vault vault --read-data
sentence="Files that stand under their own names are whole"
interrupted restore restore --vault vault --snapshot latest --to back
expect 0 restore --vault vault --snapshot latest --to back
diff -r files "back$work/files" || fail "what came back differs"
expect 0 backup run --vault vault --path files --reread
sentence="it ends the work"
interrupted prune vault prune --vault vault --keep-last 1
expect 0 vault prune --vault vault --keep-last 1
for v in vault copy; do
  expect 0 vault check --vault $v --read-data;  prints " 0 damaged"
done
[ -z "$(find vault/leases -type f)" ] || fail "a lease was left behind"
