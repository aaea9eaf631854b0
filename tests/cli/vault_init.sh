#!/bin/sh
# A vault is made once, opened by its passphrase or its key file, and never made over something else.
. "$(dirname "$0")/lib"
expect 0 vault init --vault vault;                 prints "created vault"
before=$(picture vault)
expect 1 vault init --vault vault;                 says "there is a vault at vault"; says "hint:"
same "$before" "$(picture vault)" "a second init changed the vault"
mkdir full && echo mine >full/file
expect 1 vault init --vault full;                  says "is not empty"
same "$(in_folder full)" "full/file" "init wrote into a folder that is not empty"
expect 2 vault init;                               says "--vault URL"

head -c 32 /dev/urandom >key
expect_json 0 vault init --vault keyed --key-file key
expect 0 vault check --vault keyed --key-file key
od -An -v -tx1 key | tr -d ' \n' >key.hex
expect 0 vault check --vault keyed --key-file key.hex
expect 1 vault check --vault keyed --key-file full/file;        says "is not a key file"
expect 12 vault check --vault keyed;                            says "no slot for a passphrase"

echo correct-horse >passphrase
HOLDFAST_PASSPHRASE= expect 0 vault check --vault vault --passphrase-file passphrase
HOLDFAST_PASSPHRASE= expect 12 vault init --vault new;          says "--passphrase-file FILE"
HOLDFAST_PASSPHRASE= expect 1 vault init --vault new --passphrase-file nowhere; says "nowhere"
: >empty
HOLDFAST_PASSPHRASE= expect 1 vault init --vault new --passphrase-file empty;   says "holds no passphrase"
[ ! -e new ] || fail "a failed init left a folder"
HOLDFAST_VAULT=$work/vault expect 0 backup list
