#!/bin/sh
# restore of file trees: latest, by the beginning of an id, at a time, only a part, in place; and what is refused.
. "$(dirname "$0")/lib"
make_vault
expect_json 0 backup list --vault vault
first=$(value data.snapshots.0.snapshot) then=$(value data.snapshots.0.time)
cp -a files first
echo changed >files/one
rm files/deep/two
sleep 0.01
expect 0 backup run --vault vault --path files

expect_json 0 restore --vault vault --snapshot latest --to latest;            is data.files 2; is data.target latest
diff -r files "latest$work/files" || fail "latest differs"
prefix=$(printf '%.6s' "$first")
expect_json 0 restore --vault vault --snapshot "$prefix" --to prefix;         is data.snapshot "$first"; is data.recovery_point "$then"
diff -r first "prefix$work/files" || fail "the first snapshot differs"
expect_json 0 restore --vault vault --at "$then" --to at;                     is data.snapshot "$first"
diff -r first "at$work/files" || fail "the state at a time differs"
expect 0 restore --vault vault --snapshot "$prefix" --to part --include 'deep/'
[ -f "part$work/files/deep/two" ] || fail "the included folder is not there"
[ ! -e "part$work/files/one" ] || fail "what was not included is there"

echo wrong >files/one
expect_json 0 restore --vault vault --snapshot "$prefix" --in-place;          is data.target "in place"
[ "$(cat files/one)" = one ] || fail "in place: the old content is not back"
[ "$(cat files/deep/two)" = two ] || fail "in place: the lost file is not back"

expect 1 restore --vault vault --snapshot ffffffffffff --to no;               says "no snapshot ffffffffffff"; says "backup list"
expect 2 restore --vault vault --snapshot latest;                             says "--to DIR, or --in-place"
expect 2 restore --vault vault --snapshot latest --to no --in-place;          says "exclude each other"
expect 2 restore --vault vault --snapshot latest --to no --owner root;        says "--owner is for PostgreSQL"
expect 2 restore --vault vault --to no;                                       says "say which snapshot"
expect 2 restore --vault vault --snapshot latest --at "$then" --to no;        says "more than one moment"
expect 2 restore --vault vault --at yesterday --to no;                        says "RFC 3339"
expect 2 restore --vault vault --lsn 5 --to no;                               says "LSN"
expect 2 restore --vault vault --lsn 0/5 --to no;                             says "this is a vault of files"
expect 4 restore --vault vault --at 2001-01-01T00:00:00Z --to no;             says "The oldest snapshot"
expect 1 restore --vault vault --snapshot latest --component nobody --to no
expect 10 restore --vault nowhere --snapshot latest --to no
[ ! -e no ] || fail "a refused restore made its target"

# Parts of it, and checksums that sha256sum itself repeats.
expect 0 restore --vault vault --snapshot "$prefix" --to without --exclude 'deep/'
[ -f "without$work/files/one" ] && [ ! -e "without$work/files/deep" ] || fail "what was excluded is there, or more is missing"
expect 0 restore --vault vault --snapshot "$prefix" --to anchored --include "$work/files/deep/two"
same "$(cd anchored && find . -type f)" "./${work#/}/files/deep/two" "a path from the root chooses more than that"
mkdir odd
printf a >"$(printf 'odd/two\nlines')"; printf b >'odd/back\slash'; printf c >"$(printf 'odd/return\r')"; printf d >"$(printf 'odd/\377')"
ln odd/back* odd/again; : >odd/empty; truncate -s 3M odd/hole; ln -s empty odd/link
expect_json 0 backup run --vault vault --path odd;                            odd=$(value data.snapshot)
expect_json 0 restore --vault vault --snapshot "$odd" --to sums --checksums "$work/sums.txt";  is data.checksums "$work/sums.txt"
(cd sums && sha256sum --quiet --strict -c "$work/sums.txt") || fail "sha256sum finds other files"
[ "$(wc -l <sums.txt)" = 7 ] || fail "there are not seven sums: $(cat sums.txt)"
(cd sums && find . -type f -exec sha256sum {} +) | sort >theirs.txt
sort sums.txt | cmp -s - theirs.txt || fail "the lines are not those of sha256sum"
expect 0 restore --vault vault --snapshot "$odd" --in-place --checksums here.txt;  (cd / && sha256sum --quiet --strict -c "$work/here.txt") || fail "in place: sums differ"
expect 1 restore --vault vault --snapshot "$odd" --to sums --checksums no/such/folder/sums

# Two components: latest alone is not enough to know which is meant.
expect 0 backup run --vault vault --path first --component other
expect 2 restore --vault vault --snapshot latest --to no;                     says "--component"
expect_json 0 backup list --vault vault;                                      now=$(value data.snapshots.3.time)
expect 2 restore --vault vault --at "$now" --to no;                           says "--component"
expect 0 restore --vault vault --at "$now" --component other --to at-other
diff -r first "at-other$work/first" || fail "the other component at a time differs"
expect 0 restore --vault vault --snapshot latest --component other --to other
diff -r first "other$work/first" || fail "the other component differs"
