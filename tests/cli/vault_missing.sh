#!/bin/sh
# A vault that is not there: exit 10 with what to do, from every command; none of them makes it.
. "$(dirname "$0")/lib"
make_files
missing() {
  expect 10 "$@" --vault nowhere
  says "no vault at nowhere [HF0011]"
  says "holdfast vault init --vault nowhere"
}
missing backup run --path files
missing backup list
missing restore --snapshot latest --to out.d
missing vault check
missing vault unlock
missing verify
missing wal check
missing wal push 000000010000000000000001
[ ! -e nowhere ] && [ ! -e out.d ] || fail "something was written"
# A folder that is something else is no vault either, and stays as it is.
before=$(picture files)
expect 10 vault check --vault files
expect 10 backup run --vault files --path files
same "$before" "$(picture files)" "a folder that is no vault was written to"
# A folder beside it that holds a vault, and is called almost so, is named; a vault that is called otherwise is not.
expect 0 vault init --vault backups/main
expect 10 vault check --vault backups/mian;          says "Did you mean backups/main, which holds a vault?"
expect 10 vault check --vault ./backups/mains/;      says "Did you mean ./backups/main, which holds a vault?"
expect 10 vault check --vault backups/other
! grep -q "Did you mean" err || fail "a vault of quite another name is offered"
mkdir backups/maim
expect 10 vault check --vault backups/maix;          says "Did you mean backups/main, which holds a vault?"
for url in s3:/bucket S3://bucket s3//bucket; do
  expect 2 vault check --vault "$url";               says "Did you mean 's3://bucket'"
done
expect 2 vault check --vault htps://minio:9000;      says "endpoint=https://minio:9000"
expect 2 vault check --vault "s3://bucket/p?regoin=eu"; says "Did you mean 'region'?"
[ ! -e s3: ] && [ ! -e s3 ] && [ ! -e S3: ] || fail "a typing mistake made a folder"
