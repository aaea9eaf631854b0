#!/bin/sh
# A vault in a real object store (MinIO): made, written, listed, checked, restored, copied both ways; wrong addresses, buckets
# and keys are told apart; a host whose policy lets it only write cannot destroy.
. "$(dirname "$0")/lib"
if [ "$(id -u)" = 0 ]; then servers=/var/cache/holdfast; else servers=${XDG_CACHE_HOME:-$HOME/.cache}/holdfast; fi
servers=${HOLDFAST_TEST_SERVERS:-$servers}
minio=$servers/bin/minio
[ -x "$minio" ] || fail "$minio is missing; make it with: ./setup --tests"
minio_pid=""
stop_minio() { [ -z "$minio_pid" ] || { kill "$minio_pid" 2>/dev/null || true; wait "$minio_pid" 2>/dev/null || true; }; }
trap 'code=$?; stop_minio; (exit $code); leave' EXIT
export AWS_ACCESS_KEY_ID=holdfast-tests AWS_SECRET_ACCESS_KEY=holdfast-tests-secret AWS_EC2_METADATA_DISABLED=true
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_REGION AWS_DEFAULT_REGION 2>/dev/null || true
# The kernel names a free port only to who listens on it, so a server that lost the race is started again on another. A
# bucket is a folder of the server's data.
mkdir -p data/backup data/second
for try in 1 2 3 4 5; do
  port=$(( 20000 + $(od -An -N2 -tu2 /dev/urandom) % 20000 ))
  MINIO_ROOT_USER=$AWS_ACCESS_KEY_ID MINIO_ROOT_PASSWORD=$AWS_SECRET_ACCESS_KEY MINIO_BROWSER=off MINIO_UPDATE=off MINIO_CI_CD=1 \
    "$minio" server data --address 127.0.0.1:$port --certs-dir certs --quiet --anonymous >minio.log 2>&1 &
  minio_pid=$!
  s3="s3://backup/main?endpoint=http://127.0.0.1:$port"
  up=""
  for wait in $(seq 600); do
    kill -0 $minio_pid 2>/dev/null || break
    if "$holdfast" backup list --vault "$s3" 2>&1 | grep -q "no vault at"; then up=yes; break; fi
    sleep 0.1
  done
  [ -z "$up" ] || break
  stop_minio
done
[ -n "$up" ] || { tail -5 minio.log >&2; fail "MinIO does not start"; }

make_files
expect 10 backup list --vault "$s3";                            says "no vault at s3://backup/main"
expect_json 0 vault init --vault "$s3";                         is data.store.conditional_create true; is data.store.removes true
expect 1 vault init --vault "$s3";                              says "there is a vault at s3://backup/main"
expect_json 0 backup run --vault "$s3" --path files
expect_json 0 backup run --vault "$s3" --path files
HOLDFAST_VAULT=$s3 expect_json 0 backup list;                   [ "$(count data.snapshots)" = 2 ] || fail "not two snapshots"
expect 0 vault check --vault "$s3" --read-data;                 prints "0 damaged"
expect 0 restore --vault "$s3" --snapshot latest --to back
diff -r files "back$work/files" || fail "what came back differs"

# Copies in both directions.
expect 0 vault init --vault "s3://second/copy?endpoint=http://127.0.0.1:$port" --copy-of "$s3"
expect_json 0 vault copy --vault "$s3" --to "s3://second/copy?endpoint=http://127.0.0.1:$port"; is data.commits 2
expect 0 vault init --vault local --copy-of "$s3"
expect_json 0 vault copy --vault "$s3" --to local;              is data.commits 2
echo three >files/three
expect 0 backup run --vault local --path files
expect_json 0 vault copy --vault local --to "$s3";              is data.commits 1
expect 0 vault check --vault "$s3" --read-data;                 prints "3 snapshots"

# What is wrong is told.
expect 2 backup list --vault "s3:/backup/main";                 says "begins almost like s3://"
expect 2 backup list --vault "s3://backup/main?regoin=x";       says "'regoin'"; says "hint:"
expect 4 backup list --vault "s3://nobody/main?endpoint=http://127.0.0.1:$port"; says "NoSuchBucket"
AWS_SECRET_ACCESS_KEY=wrong expect 12 backup list --vault "$s3"; says "SignatureDoesNotMatch"
AWS_SECRET_ACCESS_KEY= AWS_ACCESS_KEY_ID= expect 12 backup list --vault "$s3"; says "no AWS credentials"
