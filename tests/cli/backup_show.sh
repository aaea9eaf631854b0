#!/bin/sh
# backup show: what a snapshot says of itself, and its entries, all or by pattern; names that are no text; what is refused.
. "$(dirname "$0")/lib"
make_files
ln -s one files/link
ln files/one files/same
chmod 640 files/one
touch -d 2001-02-03T04:05:06Z files/one
printf x >"$(printf 'files/odd\377\nname')"
expect 0 vault init --vault vault
expect_json 0 backup run --vault vault --path files --tag nightly;      first=$(value data.snapshot)

expect_json 0 backup show --vault vault "$first"
is data.snapshot "$first"; is data.kind files; is data.tags '["nightly"]'; is data.partial false
[ "$(value data.files)" -gt 3 ] || fail "it has $(value data.files) files"
! grep -q '"listed"' out || fail "entries are listed without being asked for"
expect 0 backup show --vault vault latest;                              prints "$first"; prints nightly; prints "$work/files"

expect_json 0 backup show --vault vault latest --files;                 prints '"path_base64"'
"$json_tool" get data.listed out | tr '{' '\n' >listed
grep -q '"path":"'"$work"'/files/one","entry":"file","size_bytes":4,"mode":"0640",.*"modified":"2001-02-03T04:05:06Z"' listed || fail "one is not listed as it is"
grep -q '"path":"'"$work"'/files/link","entry":"link"' listed || fail "the link is not listed"
[ "$(grep -c path listed)" = "$(value data.entries)" ] || [ "$(($(grep -c path listed) + 1))" = "$(value data.entries)" ] || fail "$(grep -c path listed) of $(value data.entries) entries are listed"
expect 0 backup show --vault vault latest --files;                      prints "files/link -> one"; prints 'odd\377\012name'; prints "/files/deep/"
expect 0 backup show --vault vault latest --include 't*o';              prints "/files/deep/two"
! grep -q files/one out || fail "what does not match is listed"
expect 0 backup show --vault vault latest --include two -o jsonl;       prints '{"type":"entry"'

expect 1 backup show --vault vault ffff;                                says "no snapshot ffff"
expect 2 backup show --vault vault;                                     says SNAPSHOT
expect 10 backup show --vault nowhere latest
