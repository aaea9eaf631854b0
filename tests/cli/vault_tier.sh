#!/bin/sh
# A vault in S3 (moto): packs of data move to a colder class by age, and the price is told first; what is archived is told before a
# restore reads anything, asked for, and restored; locks are told.
. "$(dirname "$0")/lib"
start_moto
put_bucket cold
put_bucket locked x-amz-bucket-object-lock-enabled true

make_files
s3="s3://cold/main?endpoint=http://127.0.0.1:$port"
expect 0 vault init --vault "$s3"
expect 0 backup run --vault "$s3" --path files
expect_json 0 vault tier --vault "$s3" --after 0s --to DEEP_ARCHIVE;    is data.packs 1; is data.moved_packs 0; is data.least_seconds 15552000
expect 0 vault tier --vault "$s3" --after 30d --to DEEP_ARCHIVE --apply; prints "0 packs"
expect 2 vault tier --vault "$s3" --after 0s --to COLD;                  says "no storage class COLD"
expect 2 vault tier --vault "$s3" --to GLACIER;                          says "say what moves"
expect_json 0 vault tier --vault "$s3" --after 0s --to DEEP_ARCHIVE --apply; is data.moved_packs 1

# What is archived is told before anything is read or written.
expect 4 restore --vault "$s3" --snapshot latest --to back;     says "are archived"; says "--thaw TIER"; says "Bulk (within 2d"
[ ! -e back ] || fail "something was restored"
expect 4 vault check --vault "$s3" --read-data;                 says "are archived"
expect_json 0 vault check --vault "$s3";                        is data.archived_packs 1; [ "$(count data.damaged)" = 0 ] || fail "damaged"
expect 2 restore --vault "$s3" --snapshot latest --to back --thaw Fast;      says "not a tier"
expect 2 restore --vault "$s3" --snapshot latest --to back --thaw Expedited; says "DEEP_ARCHIVE"
expect 4 restore --vault "$s3" --snapshot latest --to back --thaw Bulk --no-wait; says "on their way back"
expect_json 0 restore --vault "$s3" --snapshot latest --to back --thaw Bulk; is data.thaw.packs 1; is data.thaw.asked_packs 0
diff -r files "back$work/files" || fail "what came back differs"
expect_json 0 vault check --vault "$s3" --read-data;            is data.archived_packs 0; is data.thaw.packs 1

# A second backup of other files: its pack is asked for and awaited in one go.
mkdir more; echo more >more/file
expect 0 backup run --vault "$s3&storage_class=GLACIER" --path more
id=$("$holdfast" backup list --vault "$s3" -o json >out; "$json_tool" get data.snapshots.1.snapshot out)
expect_json 0 restore --vault "$s3" --snapshot "$id" --to second --thaw Standard; is data.thaw.asked_packs 1; is data.thaw.tier Standard
diff -r more "second$work/more" || fail "what came back differs"

# Locks: what is locked stays, and prune says until when.
locked="s3://locked/main?endpoint=http://127.0.0.1:$port&retain=30d&retain_mode=governance"
expect 4 vault init --vault "s3://cold/other?endpoint=http://127.0.0.1:$port&retain=30d"; says "has no Object Lock"
expect_json 0 vault init --vault "$locked";                     is data.store.locks true
expect 0 backup run --vault "$locked" --path files
expect_json 0 backup run --vault "$locked" --path files;        is data.locks.renewed 0; [ "$(value data.locks.objects)" -ge 3 ] || fail "nothing looked at"
expect 0 vault prune --vault "$locked" --keep-last 1;           prints "locked until 2"
expect_json 0 vault prune --vault "$locked" --keep-last 1;      [ "$(count data.kept)" = 2 ] || fail "a locked snapshot went"
expect 4 backup run --vault "s3://locked/main?endpoint=http://127.0.0.1:$port" --path files; says "does not say for how long"
expect_json 0 vault tier --vault "$locked" --after 0s --to GLACIER_IR --apply; is data.moved_packs 0; is data.locked_packs 1
