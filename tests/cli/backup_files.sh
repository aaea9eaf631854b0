#!/bin/sh
# backup run --path and backup list: what is new, what could not be read (exit 3), what is wrong in the words (exit 2).
. "$(dirname "$0")/lib"
make_vault
expect_json 0 backup run --vault vault --path files --tag a --tag b --component web --exclude numbers
is data.files 2; [ "$(value data.new_bytes)" -lt 5000 ] || fail "known content is new"; is data.component web
expect_json 0 backup run --vault vault --path files --reread;                is data.files 3
expect_json 0 backup list --vault vault;    [ "$(count data.snapshots)" = 3 ] || fail "not three snapshots"
is data.snapshots.1.tags.0 a; is data.snapshots.1.component web; is data.snapshots.2.paths.0 "$work/files"
expect 0 backup list --vault vault;         prints SNAPSHOT; prints "$work/files"

# What is chosen: by pattern, by size, caches, and what a user may not read.
mkdir files/cache
printf 'Signature: 8a477f597d28d172789f06886806bc55\n' >files/cache/CACHEDIR.TAG
echo made >files/cache/thing
expect_json 0 backup run --vault vault --path files --exclude-caches;        is data.files 4; is data.left_out 1
expect_json 0 backup run --vault vault --path files --exclude-larger-than 100KiB;  is data.files 4; is data.left_out 1
expect_json 0 backup run --vault vault --path files --include 'deep/' --include one --exclude two;  is data.files 1
expect_json 0 backup run --vault vault --path files --one-file-system;       is data.files 5; is data.left_out 0
expect 2 backup run --vault vault --path files --exclude-larger-than 100;    says "'100' is not a size"; says "100MiB"
expect 2 backup run --vault vault --path files --exclude-larger-than 1QiB;   says "is not a size"
expect 2 backup run --vault vault --path files --exclude /;                  says "matches nothing"
rm -r files/cache

# What a user may not read is listed, and the rest is there.
printf secret >files/shut
chmod 0 files/shut
if [ "$(id -u)" = 0 ]; then
  chmod 755 "$work"
  cp "$holdfast" program
  cp -r vault theirs
  chown -R 65534:65534 theirs files/deep
  chmod 755 program files files/deep
  chmod 644 files/one files/numbers
  got=0
  setpriv --reuid 65534 --regid 65534 --clear-groups env HOLDFAST_STATE="$work/theirs/state" "$work/program" \
    backup run --vault "$work/theirs" --path "$work/files" -o json >out 2>err </dev/null || got=$?
  [ "$got" = 3 ] || fail "as a user it exits with $got"
else
  expect_json 3 backup run --vault vault --path files
fi
is errors.0.object "$work/files/shut"; says "Permission denied"; is data.files 3
rm -f files/shut

expect_json 3 backup run --vault vault --path files --path absent;           is errors.0.object "$work/absent"; is data.files 3
expect 1 backup run --vault vault --path absent;                             says "Name at least one path that exists"
expect 2 backup run --vault vault;                                           says "say what to back up"
expect 2 backup run --vault vault --path files --postgres 'host=x';          says "not of both"
expect 2 backup run --path files;                                            says "no vault is named"
expect 10 backup run --vault nowhere --path files;                           says "vault init --vault nowhere"
expect 10 backup run orders-db;                                              says "there is no plan"
expect 10 backup list --vault nowhere
[ ! -e nowhere ] || fail "a backup made a vault that was not asked for"
