#!/bin/sh
# vault scrub: the longest unread first, by parts, remembered outside the vault; damage exits 13, healed damage 0.
. "$(dirname "$0")/lib"
make_files
expect 0 vault init --vault vault
for i in 1 2 3; do
  head -c 400000 /dev/urandom >files/large
  expect 0 backup run --vault vault --path files
done
before=$(picture vault)
expect_json 0 vault scrub --vault vault --limit 30%
all=$(value data.objects) some=$(value data.verified_objects)
[ "$some" -gt 0 ] && [ "$some" -lt "$all" ] || fail "$some of $all were verified by a third"
[ "$(value data.never_verified)" = $((all - some)) ] || fail "the rest was not never verified"
expect_json 0 vault scrub --vault vault --limit 100% --rate 2GB/s
is data.never_verified 0; [ -n "$(value data.oldest_verified)" ]
ledger=$(value data.ledger)
[ "$(wc -l <"$ledger")" = $((all + 2)) ] || fail "the ledger has not a line for each object"
expect_json 0 vault scrub --vault vault --for 1h --limit 1%;   [ "$(value data.verified_objects)" -lt "$all" ] || fail "more than a share was read"
same "$before" "$(picture vault)" "scrubbing changed the vault"

pack=$(cd vault && find packs -type f -size +300k | sort | head -1)
flip_byte "vault/$pack" 200000
expect_json 13 vault scrub --vault vault;            is data.damaged.0.object "$pack"
grep -q "damaged $pack" "$ledger" || fail "the ledger does not say so"
expect_json 0 vault scrub --vault vault --repair;    is data.healed.0.object "$pack"
expect_json 0 vault scrub --vault vault;             [ "$(count data.healed)" = 0 ] && [ "$(count data.damaged)" = 0 ]

# A ledger that is not whole counts as none.
flip_byte "$ledger" 100
expect_json 0 vault scrub --vault vault --limit 1%;  says "never verified"; [ "$(value data.never_verified)" -gt 0 ] || fail "the damaged ledger counted"

expect 2 vault scrub --vault vault --limit 0%;       says "--limit 10%"
expect 2 vault scrub --vault vault --for soon;       says "--for 1h"
expect 2 vault scrub --vault vault --rate fast;      says "--rate 50MB/s"
expect 2 vault scrub --vault vault --rate 0MB/s
expect 10 vault scrub --vault nowhere
