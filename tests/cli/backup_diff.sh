#!/bin/sh
# backup diff: what was added, removed, changed, and what has only other metadata, with sizes; and what is refused.
. "$(dirname "$0")/lib"
make_files
echo same >files/same
ln -s one files/link
touch -h -d 2001-02-03 files/*
expect 0 vault init --vault vault
expect_json 0 backup run --vault vault --path files;              first=$(value data.snapshot)
echo "one, and more" >files/one
rm files/deep/two
seq 1 500 >files/fresh
chmod 600 files/same
ln -sf two files/link
touch -d 2001-02-03 files/one files/same files/deep files
touch -h -d 2001-02-03 files/link
expect_json 0 backup run --vault vault --path files;              second=$(value data.snapshot)

expect_json 0 backup diff --vault vault "$first" "$second"
is data.before "$first"; is data.after "$second"
is data.added.entries 1; is data.added.new_bytes 1892; is data.removed.entries 1; is data.removed.old_bytes 4
is data.changed.old_bytes 4; is data.changed.new_bytes 14; is data.unchanged "$(value data.unchanged)"
"$json_tool" get data.changes out | tr '{' '\n' >changes
grep -q '"path":"'"$work"'/files/fresh".*"entry":"file"' changes || fail "what was added is not listed"
grep -q '"changed","path":"'"$work"'/files/one".*"old_bytes":4,"new_bytes":14,"what":\["content"\]' changes || fail "the change is not listed"
grep -q '"changed","path":"'"$work"'/files/link".*"what":\["target"\]' changes || fail "the link is not listed"
grep -q '"metadata","path":"'"$work"'/files/same".*"what":\["mode"\]' changes || fail "the mode is not listed"
grep -q '"removed","path":"'"$work"'/files/deep/two"' changes || fail "what was removed is not listed"
! grep -q numbers changes || fail "what is the same is listed"

expect 0 backup diff --vault vault "$first" latest;               prints "+ $work/files/fresh  (1.8 KiB)"
prints "M $work/files/one  (content: 4 B -> 14 B)"; prints "m $work/files/same  (mode)"; prints "- $work/files/deep/two  (4 B)"
expect 0 backup diff --vault vault "$second" "$first";            prints "- $work/files/fresh"
expect 0 backup diff --vault vault "$first" "$second" -o jsonl;   prints '{"type":"change"'
expect 13 backup diff --vault vault "$first" "$second" --exit-code
expect_json 0 backup diff --vault vault "$first" "$first" --exit-code;  is data.changed.entries 0; [ "$(count data.changes)" = 0 ] || fail "a snapshot differs from itself"

printf x >"$(printf 'files/\377\nodd')"
expect 0 backup run --vault vault --path files
expect_json 0 backup diff --vault vault "$second" latest;         prints '"path_base64"'
expect 0 backup diff --vault vault "$second" latest;              prints 'files/\377\012odd'

expect 2 backup diff --vault vault "$first";                      says "BEFORE AFTER"
expect 1 backup diff --vault vault "$first" ffffffffffff;         says "no snapshot ffffffffffff"
expect 10 backup diff --vault nowhere a b
expect 0 backup run --vault vault --path files/deep --component other
expect 2 backup diff --vault vault "$first" latest;               says "--component"
