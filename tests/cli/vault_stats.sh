#!/bin/sh
# vault stats: what is unique, shared and added; that the numbers follow what is in the vault; growth; what is refused.
. "$(dirname "$0")/lib"
expect 0 vault init --vault vault
expect_json 0 vault stats --vault vault;            is data.stored_bytes 0; [ "$(count data.snapshots)" = 0 ] || fail "a snapshot in an empty vault"
mkdir files
head -c 3000000 /dev/urandom >files/noise
seq 1 200000 >files/numbers
expect 0 backup run --vault vault --path files
expect_json 0 vault stats --vault vault
size=$(( 3000000 + $(wc -c <files/numbers) ))
is data.source_bytes "$size"; is data.snapshots.0.source_bytes "$size"; is data.snapshots.0.shared_bytes 0
alone=$(value data.snapshots.0.unique_bytes)
is data.stored_bytes "$alone"; is data.snapshots.0.added_bytes "$alone"
[ "$alone" -gt 3000000 ] && [ "$alone" -lt "$size" ] || fail "$alone bytes are stored of $size"

# The same again shares nearly all; another file is unique to its snapshot.
expect 0 backup run --vault vault --path files
head -c 500000 /dev/urandom >files/more
expect 0 backup run --vault vault --path files
expect_json 0 vault stats --vault vault;            [ "$(count data.snapshots)" = 3 ] || fail "not three snapshots"
is data.source_bytes "$(( size * 3 + 500000 ))"
third=$(value data.snapshots.2.unique_bytes)
[ "$third" -gt 500000 ] && [ "$third" -lt 520000 ] || fail "the third snapshot alone needs $third bytes"
is data.snapshots.2.added_bytes "$third"
[ "$(value data.snapshots.0.shared_bytes)" -gt 3000000 ] || fail "the first snapshot shares nothing"
[ "$(value data.stored_bytes)" -lt $(( alone + 540000 )) ] || fail "what is shared is counted twice"
[ "$(count data.growth)" -le 2 ] || fail "the growth of a moment takes $(count data.growth) days"
case "$(value data.deduplication_ratio)" in 2.* | 3.*) ;; *) fail "deduplication of $(value data.deduplication_ratio)" ;; esac
before=$(value data.stored_bytes)

# Forgetting the third frees what was unique to it.
expect_json 0 backup list --vault vault;            last=$(value data.snapshots.2.snapshot)
expect 0 vault stats --vault vault;                 prints UNIQUE; prints "to 1"; prints "#"; prints "$(printf '%.12s' "$last")"
rm files/more
expect 0 backup run --vault vault --path files
expect_json 0 vault prune --vault vault --keep-last 1
expect_json 0 vault stats --vault vault
[ "$(value data.stored_bytes)" -lt $(( before - 490000 )) ] || fail "what was forgotten is still counted"
expect 10 vault stats --vault nowhere;              says "vault init --vault nowhere"
expect 2 vault stats --vault vault more
