#!/bin/sh
# vault key: recipients, rotation, dropping, the recovery kit on paper, and its rehearsal with nothing else at hand.
. "$(dirname "$0")/lib"
make_vault

expect_json 0 vault key new --to web.key;               recipient=$(value data.recipient)
[ "$(stat -c %a web.key)" = 600 ] || fail "a private key that others can read"
expect 1 vault key new --to web.key;                    says "web.key"
expect_json 0 vault key add --vault vault --level write --label web-1 --recipient "$recipient"; is data.slot 2
expect 2 vault key add --vault vault --level write --label web-1 --recipient "${recipient%?}0$recipient"; says "recipient"
expect 2 vault key add --vault vault --level boss --label x --recipient "$recipient";  says "write, read or admin"
expect 2 vault key add --vault vault --label x;         says "--recipient"
expect_json 0 vault key list --vault vault
[ "$(count data.slots)" = 2 ] || fail "there should be two slots"
is data.slots.1.opens_with recipient; is data.slots.1.level write; is data.rehearsed null

# The recipient's host backs up, and can neither read nor let others in.
key=$HOLDFAST_PASSPHRASE
unset HOLDFAST_PASSPHRASE
expect 0 backup run --vault vault --path files --component web --key-file web.key
expect 12 restore --vault vault --snapshot latest --component web --to no --key-file web.key
expect 12 vault key drop 1 --vault vault --key-file web.key
export HOLDFAST_PASSPHRASE="$key"
expect 0 restore --vault vault --snapshot latest --component web --to back
diff -r files "back$work/files" || fail "what the write-only host backed up differs"

# The kit: on paper, and alone.
expect_json 0 vault key export --vault vault --to kit.txt; is data.slot 3; is data.file kit.txt
[ "$(stat -c %a kit.txt)" = 600 ] || fail "a kit that others can read"
expect 1 vault key export --vault vault --to kit.txt
expect 1 vault key drop 99 --vault vault;               says "no slot 99"
# /usr/bin: that of Debian, which has the library.
same "$(/usr/bin/python3 "$source/tests/qr_reader.py" kit.txt | tr A-Z a-z)" "$(grep -o '^holdfast-kit-1-[0-9a-f-]*' kit.txt)" "the QR code says another line"
unset HOLDFAST_PASSPHRASE
expect_json 0 vault key rehearse --vault vault --kit kit.txt
[ "$(count data.snapshots)" = 2 ] || fail "one snapshot of each component"
grep -o 'holdfast-kit-1-[0-9a-f-]*' kit.txt | head -1 | tr a-z A-Z >retyped
expect 0 vault key rehearse --vault vault --kit retyped
expect 0 restore --vault vault --snapshot latest --component web --to paper --key-file retyped
diff -r files "paper$work/files" || fail "what the kit restored differs"
sed 's/[0-8]$/9/; t; s/.$/0/' retyped >mistyped
expect 1 vault key rehearse --vault vault --kit mistyped;  says "one of them is wrong"
expect_json 0 vault key list --vault vault --key-file kit.txt
[ "$(value data.rehearsed)" != null ] || fail "the rehearsal is not remembered"

# Rotation: the old passphrase opens nothing any more, and no pack was written anew.
export HOLDFAST_PASSPHRASE="$key"
before=$(cd vault/packs && find . -type f -exec sha256sum {} + | sort)
echo another-horse >new.pass
expect_json 0 vault key rotate --vault vault --new-passphrase-file new.pass;  is data.dropped 1
expect 12 backup list --vault vault
expect 0 backup list --vault vault --passphrase-file new.pass
same "$before" "$(cd vault/packs && find . -type f -exec sha256sum {} + | sort)" "packs were written anew"
expect_json 0 vault key drop 2 --vault vault --passphrase-file new.pass; is data.slot 2
expect 12 backup list --vault vault --key-file web.key
expect 0 vault check --vault vault --passphrase-file new.pass --read-data
expect_json 0 vault key list --vault vault --passphrase-file new.pass
[ "$(count data.slots)" = 2 ] || fail "the kit and the new passphrase should be left"
