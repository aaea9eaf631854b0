#!/bin/sh
# A copy is made empty, then brought up to date; it restores by itself. A vault that is no copy is refused.
. "$(dirname "$0")/lib"
make_vault
expect 10 vault copy --vault vault --to copy;                  says "vault init --copy-of vault --vault copy"
expect_json 0 vault init --copy-of vault --vault copy
expect_json 0 vault copy --vault vault --to copy;              is data.commits 1
expect_json 0 vault copy --vault vault --to copy;              is data.packs 0; is data.commits 0
expect 0 vault check --vault copy --read-data;                 prints "1 snapshots"
mv vault gone
expect 0 restore --vault copy --snapshot latest --to back
diff -r files "back$work/files" || fail "what came back from the copy differs"
mv gone vault

expect 0 vault init --vault stranger
before=$(picture stranger)
expect 1 vault copy --vault vault --to stranger;               says "hint:"
same "$before" "$(picture stranger)" "a vault that is no copy was written to"
expect 10 vault init --copy-of nowhere --vault other;          says "no vault at nowhere"
[ ! -e other ] || fail "a failed init left a folder"
expect 2 vault copy --vault vault;                             says "--to is required"
