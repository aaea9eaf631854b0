#!/bin/sh
# What a plan says of its vaults in S3 (class, encryption, locks), asked of the server (moto) object by object: after backups of
# components that keep their snapshots for different times, and after the copy that the plan names.
. "$(dirname "$0")/lib"
start_moto
put_bucket main
put_bucket archive x-amz-bucket-object-lock-enabled true
make_files
mkdir more cool && head -c 200000 /dev/urandom >more/random && head -c 200000 /dev/urandom >cool/random
write_plan
at="?endpoint=http://127.0.0.1:$port"
sed -i -e "s,^  main: .*,  main: {region: east\, url: \"s3://main/v$at\"\, key: env:HOLDFAST_PASSPHRASE\, storage_class: STANDARD_IA\, sse: AES256}," \
  -e "s,^  copy: .*,  archive: {region: west\, url: \"s3://archive/v$at\"\, copy_of: main\, within: 15m\, storage_class: GLACIER_IR\, object_lock: keep}\n  own: {region: west\, url: \"s3://archive/own$at\"\, key: env:HOLDFAST_PASSPHRASE\, object_lock: keep}," holdfast.yaml
cat >>holdfast.yaml <<PLAN
  logs: {kind: files, rpo: 2d, paths: ["$work/more"], backups: [{every: 1d, vault: own, keep: 8d}]}
  cool: {kind: files, rpo: 2d, paths: ["$work/cool"], backups: [{every: 1d, vault: main, keep: 30d, storage_class: ONEZONE_IA}]}
  more: {kind: files, rpo: 2d, paths: ["$work/files"], backups: [{every: 1d, vault: own, keep: 60d}]}
PLAN

# classes BUCKET PREFIX: "class name" of each object. locks: "days name", where it is locked.
asked() {
  python3 - "$port" "$@" <<'END'
import datetime, re, sys, urllib.parse, urllib.request
port, what, bucket, prefix = sys.argv[1:]
opener = urllib.request.build_opener()
opener.addheaders = [("Authorization", "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x")]
urllib.request.install_opener(opener)
listing = urllib.request.urlopen(f"http://127.0.0.1:{port}/{bucket}?list-type=2&prefix={prefix}", timeout=20).read().decode()
for entry in re.findall(r"<Contents>(.*?)</Contents>", listing, re.S):
    key = re.search(r"<Key>(.*?)</Key>", entry).group(1)
    name = key[len(prefix):]
    storage = re.search(r"<StorageClass>(.*?)</StorageClass>", entry)
    if what == "classes":
        print(storage.group(1) if storage else "STANDARD", name)
        continue
    head = urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/{bucket}/{urllib.parse.quote(key)}", method="HEAD"), timeout=20).headers
    if what == "sse":
        print(head.get("x-amz-server-side-encryption", "none"), name)
    until = head.get("x-amz-object-lock-retain-until-date")
    if what == "locks" and until:
        left = datetime.datetime.fromisoformat(until.replace("Z", "+00:00")) - datetime.datetime.now(datetime.timezone.utc)
        print(head["x-amz-object-lock-mode"], round(left.total_seconds() / 86400, 1), name)
    elif what == "locks":
        print("free 0", name)
END
}
none_but() {      # none_but WORDS PATTERN: every line of `told` whose name matches begins with WORDS, and there is one
  grep -q -E "^$1 $2" told || { cat told >&2; fail "nothing is $1 $2"; }
  ! grep -E " $2" told | grep -v -E "^$1 " >&2 || fail "something under $2 is not $1"
}

expect 0 vault init --vault "s3://main/v$at"
expect_json 0 backup run web
asked classes main v/ >told
[ "$(grep -c '^STANDARD_IA packs/' told)" = 1 ] || { cat told >&2; fail "the pack of data is not of its class"; }
[ "$(grep -c '^STANDARD packs/' told)" = 1 ] || fail "the pack of metadata is not where it is quick to read"
for folder in index commits config attach; do none_but STANDARD "$folder/"; done
asked sse main v/ >told
for folder in packs index commits; do none_but AES256 "$folder/"; done
asked locks main v/ >told
none_but "free 0" packs/

# A row may say another class than its vault; in the copy that of the copy counts.
expect 0 backup run cool
asked classes main v/ >told
[ "$(grep -c '^STANDARD_IA packs/' told)" = 1 ] || { cat told >&2; fail "another number of packs than one has the class of the vault"; }
[ "$(grep -c '^ONEZONE_IA packs/' told)" = 1 ] || { cat told >&2; fail "the row's pack is not of the row's class"; }

# The copy has a class and locks of its own: as long as the rows keep that go to its original.
expect 0 vault init --copy-of "s3://main/v$at" --vault "s3://archive/v$at&retain=30d"
expect_json 0 vault copy --name archive;                        is data.commits 2
asked classes archive v/ >told
[ "$(grep -c '^GLACIER_IR packs/' told)" = 2 ] || { cat told >&2; fail "the pack of data is not of the copy's class"; }
for folder in index commits config attach; do none_but STANDARD "$folder/"; done
asked locks archive v/ >told
none_but "COMPLIANCE 30.0" commits/
for folder in packs index attach; do none_but "COMPLIANCE 37.5" "$folder/"; done
! grep -q -v -E "^COMPLIANCE" told || { cat told >&2; fail "something is left unlocked"; }

# Rows with different times in one vault: each locks what it puts for its own.
expect 0 vault init --vault "s3://archive/own$at&retain=8d"
expect 0 backup run logs
asked locks archive own/ >told
none_but "COMPLIANCE 8.0" commits/
none_but "COMPLIANCE 10.0" packs/
expect 0 backup run more
asked locks archive own/ >told
grep -q "^COMPLIANCE 60.0 commits/" told || { cat told >&2; fail "the second snapshot is not locked for as long as its row keeps it"; }
[ "$(grep -c '^COMPLIANCE 70.0 packs/' told)" = 2 ] || { cat told >&2; fail "its packs are not locked for as long"; }
[ "$(grep -c '^COMPLIANCE 10.0 packs/' told)" = 2 ] || fail "the first one's packs are locked for longer than its row keeps it"

# Prune by the plan leaves all that, says why, and locks the plan and what else is attached anew.
expect_json 0 vault prune --name own;                           [ "$(count data.removed)" = 0 ] || fail "a locked snapshot went"
asked locks archive own/ >told
grep -q "^COMPLIANCE 70.0 attach/" told || { cat told >&2; fail "attachments are not locked as long as the longest row"; }
