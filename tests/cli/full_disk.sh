#!/bin/sh
# A full disk has its own message and hint; the vault stays whole, and works again when there is room.
# Who may mount has the vault on a small file system of its own (root in a container may not); else a limit on the size
# of files stands for the full disk.
. "$(dirname "$0")/lib"
make_files
mkdir disk
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=4m,mode=0700 tmpfs "$work/disk" 2>/dev/null; then
  mounted="$work/disk"
  room() { mount -o remount,size=64m "$work/disk"; }
  limited() { expect "$@"; }
  hint="Free space on that file system"
else
  room() { :; }
  limited() { trap '' XFSZ; ulimit -S -f 4096; expect "$@"; ulimit -S -f unlimited; }
  hint="Raise the limit on the size of files"
fi
expect 0 vault init --vault disk/vault
expect 0 backup run --vault disk/vault --path files
head -c 12000000 /dev/urandom >files/big
before=$(cd disk/vault && find config commits -type f -exec sha256sum {} + | sort)
limited 1 backup run --vault disk/vault --path files -o json
is errors.0.kind exhausted
says "$hint"
same "$before" "$(cd disk/vault && find config commits -type f -exec sha256sum {} + | sort)" "a failed backup left a commit"
expect_json 0 backup list --vault disk/vault;            [ "$(count data.snapshots)" = 1 ] || fail "not one snapshot"
expect 0 vault check --vault disk/vault --read-data;     prints " 0 damaged"
expect 0 restore --vault disk/vault --snapshot latest --to back
cmp files/numbers "back$work/files/numbers" || fail "what came back differs"
room
expect 0 backup run --vault disk/vault --path files
expect 0 vault check --vault disk/vault --read-data
