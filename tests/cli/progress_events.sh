#!/bin/sh
# -o jsonl: the version, events of progress as docs/schemas/progress.json has them, the result.
. "$(dirname "$0")/lib"
make_files
odd="files/$(printf 'not\377utf8\033[2J\nname')"
head -c 90000000 /dev/urandom >"$odd"
expect 0 vault init --vault vault
expect 0 vault init --copy-of vault --vault copy
# events CODE words...: the stream is right; the lines of it lie in `stream`, the last event in `out`.
events() {
  expect "$@" -o jsonl
  cp out stream
  "$json_tool" stream "$source/docs/schemas" stream || fail "the stream of $* is not as its schemas say"
  ! grep -q "so far" err || fail "$* writes to stderr as well"
  tail -1 stream >result
  grep '"type":"progress"' stream | tail -1 >out
}
phase() { grep -F -q "\"phase\":\"$1\"" stream || fail "no phase \"$1\" in the stream"; }

events 0 backup run --vault vault --path files
phase "opening the vault"; phase "reading files"; is phase "making the snapshot"
! grep -q total_ stream || fail "a first backup claims to know its total"
size=$("$json_tool" get data.source_bytes result)
events 0 backup run --vault vault --path files --reread
grep '"phase":"reading files"' stream | tail -1 >out
is total_bytes "$size"; is total_is_estimate true
events 0 vault check --vault vault;               phase "checking packs"; phase "walking snapshots"; is phase "summing up"
events 0 vault check --vault vault --read-data;   phase "reading packs"
grep '"phase":"reading packs"' stream | head -1 >out
[ "$(value total_bytes)" -gt 90000000 ] || fail "the packs are larger"
is total_packs "$("$json_tool" get data.packs result)"
events 0 vault copy --vault vault --to copy;      phase "copying packs"; phase "copying WAL and attachments"
events 0 restore --vault vault --snapshot latest --to back
for p in "reading the tree" "writing files" "syncing the disk" "finishing folders"; do phase "$p"; done
events 0 restore --vault vault --snapshot latest --to back2 --checksums sums
is phase "reading back"; is files 4; is total_files 4; is done_bytes "$size"; is total_bytes "$size"
events 0 vault prune --vault vault --keep-last 1; phase "looking at what snapshots need"; phase "tidying the index"
rm -r vault/index
events 0 vault rebuild --vault vault;             is phase "reading packs"; is packs "$("$json_tool" get data.packs result)"
is done_bytes "$(value total_bytes)"
# A scrub at a rate takes its time: events come in it, and name where it is.
events 0 vault scrub --vault vault --rate 45MB/s
[ "$(grep -c '"phase":"reading packs"' stream)" -ge 3 ] || fail "no event within a phase of two seconds"
# What fails ends its stream with the result, too.
events 1 restore --vault vault --snapshot latest --to /dev/null/x

# A cluster: there the server says what it expects.
start_cluster main "wal_level = replica"
events 0 backup run --vault vault --postgres "$(dsn main)" --component db
for p in "asking the server" "waiting for the server's checkpoint" "reading the cluster" "waiting for WAL"; do phase "$p"; done
is phase "making the snapshot"
events 0 restore --vault vault --component db --to "$work/data"
for p in "writing the data directory" "laying out recovery"; do phase "$p"; done
is phase "syncing the disk"
events 0 verify --vault vault --component db
for p in "planning the restore" "writing the data directory" "replaying WAL in a scratch server" "asking the scratch server"; do phase "$p"; done
