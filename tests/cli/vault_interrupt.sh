#!/bin/sh
# SIGINT ends a long command with 130 within 2 s, says what is durable, and leaves nothing that the next run cannot go on with.
. "$(dirname "$0")/lib"
mkdir files
for n in 1 2 3 4 5 6 7 8; do head -c 8000000 /dev/urandom >files/data$n; done
expect 0 vault init --vault vault
expect 0 vault init --copy-of vault --vault copy
# interrupted PREPARE CONDITION NAME words...: is stopped in the midst of its work, where CONDITION holds, and sent SIGINT there. A
# command that was faster than that is prepared and run again; that it was never caught is a failure.
interrupted() {
  prepare=$1 condition=$2 name=$3
  shift 3
  for try in 1 2 3 4 5 6 7 8; do
    $prepare
    if step_until "$condition" "$name" "$@" -o json; then
      begun=$(date +%s%N)
      kill -INT $child
      kill -CONT $child
    fi
    got=0
    wait $child || got=$?
    took=$((($(date +%s%N) - ${begun:-0}) / 1000000))
    cp "$name.out" out
    cp "$name.err" err
    case $got in
      0) continue ;;
      130) [ $took -gt 2000 ] || break ;;              # else the machine was busy: once more
      *) fail "$* exited with $got" ;;
    esac
  done
  [ $got = 130 ] || fail "$name was never caught in the midst of its work"
  [ $took -le 2000 ] || fail "$name ended $took ms after SIGINT"
  "$json_tool" valid "$source/docs/schemas" out || fail "what an interrupted $name prints is not as its schema says"
  is exit_code 130; says "interrupted"; says "$sentence"
  echo "$name ended $took ms after SIGINT, in try $try"
}
some() { [ "$(find "$1" -type f 2>/dev/null | wc -l)" -ge "$2" ]; }
has_read() { [ "$(sed -n 's/^rchar: //p' /proc/$child/io)" -gt 20000000 ]; }
sentence="Run the same command again: it goes on"
interrupted "rm -rf vault/packs vault/index vault/commits state/vaults" "some vault/packs 1" backup backup run --vault vault --path files
expect 0 backup run --vault vault --path files
interrupted "rm -rf copy/packs copy/index copy/commits state/vaults" "some copy/packs 1" copy vault copy --vault vault --to copy
expect 0 vault copy --vault vault --to copy
sentence="A check changes nothing"
interrupted true has_read check vault check --vault vault --read-data
sentence="Files that stand under their own names are whole"
interrupted "rm -rf back" "some back 1" restore restore --vault vault --snapshot latest --to back
expect 0 restore --vault vault --snapshot latest --to back
diff -r files "back$work/files" || fail "what came back differs"
# Half of each file goes: packs are repacked.
more_to_prune() {
  for f in files/*; do head -c 4000000 "$f" >half; head -c 3000000 /dev/urandom | cat half - >"$f"; done
  expect 0 backup run --vault vault --path files --reread
  epochs=$(find vault/epoch -type f 2>/dev/null | wc -l)
}
sentence="it ends the work"
interrupted more_to_prune 'some vault/epoch $((epochs + 1))' prune vault prune --vault vault --keep-last 1
expect 0 vault prune --vault vault --keep-last 1
expect 0 vault copy --vault vault --to copy
for v in vault copy; do
  expect 0 vault check --vault $v --read-data;  prints " 0 damaged"
done
[ -z "$(find vault/leases -type f)" ] || fail "a lease was left behind"
