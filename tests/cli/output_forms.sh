#!/bin/sh
# -o json is one object, -o jsonl a stream from version to result; messages are on stderr, also on failure.
. "$(dirname "$0")/lib"
make_vault
expect 0 backup list --vault vault;               prints SNAPSHOT; [ ! -s err ] || fail "a good command writes to stderr"
expect_json 0 backup list --vault vault;          is command "backup list"; is ok true; [ ! -s err ]
expect 0 backup list --vault vault --output=json; is ok true

jsonl() {
  [ "$(head -1 out)" = '{"type":"version","schema":"1"}' ] || fail "the first line is $(head -1 out)"
  tail -1 out >last
  "$json_tool" valid "$source/docs/schemas" last || fail "the last line is no result"
  while read -r line; do
    printf '%s\n' "$line" >line
    "$json_tool" get type line >/dev/null || fail "a line is no JSON: $line"
  done <out
}
expect 0 backup list --vault vault -o jsonl;       jsonl
expect 0 vault check --vault vault -o jsonl;       jsonl
expect 10 vault check --vault nowhere -o jsonl;    jsonl; says "no vault at nowhere"
expect 2 vault chek -o jsonl;                      jsonl; says "Did you mean"
expect_json 10 vault check --vault nowhere;        is errors.0.id HF0011; is ok false; says "no vault at nowhere"
expect 10 vault check --vault nowhere;             prints_nothing; says "hint:"

# A reader that goes away is no reason to fail, nor to hang.
"$holdfast" schema | head -1 >/dev/null

# A disk that is full is one: what did not reach it was not printed. PostgreSQL's restore_command keeps its own codes.
lost() { code=$1; shift; got=0; "$holdfast" "$@" >/dev/full 2>err || got=$?; [ $got = "$code" ] || fail "$*: exit code $got"; }
lost 1 schema;                           says "writing standard output: No space left on device [HF0013]"
lost 1 backup list --vault vault
lost 1 backup list --vault vault -o json
lost 1 backup list --vault vault -o jsonl
lost 10 backup list --vault nowhere -o json
lost 255 wal fetch one two

# Every error has an id, and each id is explained.
expect 1 explain nonsense;               says "[HF0004]"
expect 0 explain HF0014;                 prints "corrupt"
expect 0 explain HF0011;                 prints "vault"
