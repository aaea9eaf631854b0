#!/bin/sh
# wal push, fetch, check and seal: 0 fetched, 1 proven absent, 255 everything else; push is 0 only when it is durable.
. "$(dirname "$0")/lib"
start_cluster main "wal_level = replica"
sql main "create table t (n int); insert into t values (1)"
expect 0 vault init --vault vault
expect_json 0 wal check --vault vault;                     [ "$(count data.clusters)" = 0 ] || fail "an empty vault covers something"
expect 0 wal check --vault vault;                          prints "no WAL in this vault"
segment=$(sql main "select pg_walfile_name(pg_current_wal_lsn())")
sql main "select pg_switch_wal()" >/dev/null
sql main "insert into t values (2)"
cd main
expect_json 0 wal push --vault ../vault "pg_wal/$segment"; is data.pushed "pg_wal/$segment"
expect 0 wal push --vault ../vault "pg_wal/$segment"
expect_json 0 wal fetch --vault ../vault "$segment" ../fetched;  is data.fetched true
cmp "pg_wal/$segment" ../fetched || fail "what was fetched differs"
expect_json 1 wal fetch --vault ../vault 0000000100000000000000AA ../absent;   is data.fetched false
expect 1 wal fetch --vault ../vault 00000002.history ../absent
expect 255 wal fetch --vault ../nowhere "$segment" ../absent;                  [ -s ../err ]
HOLDFAST_PASSPHRASE=wrong expect 255 wal fetch --vault ../vault "$segment" ../absent
[ ! -e ../absent ] || fail "a file was made that was not fetched"
mkdir ../staged && cp "pg_wal/$segment" ../staged/
expect 255 wal fetch --staged ../staged "$segment" ../absent                   # it was not staged to its end
: >../staged/complete
expect 0 wal fetch --staged ../staged "$segment" ../from_staged;               cmp ../fetched ../from_staged
expect 1 wal fetch --staged ../staged 0000000100000000000000AA ../absent
expect 255 wal fetch --staged ../gone "$segment" ../absent
(cd .. && expect 1 wal push --vault vault "main/pg_wal/$segment");             says "in its data directory"
(cd .. && expect 255 wal fetch --vault vault "$segment" absent);               says "in its data directory"
head -c 1000 "pg_wal/$segment" >../"$segment"
expect 13 wal push --vault ../vault ../"$segment";                             says "archiving"
expect 1 wal push --vault ../vault pg_wal/0000000100000000000000AA;            [ -s ../err ]
cp "pg_wal/$segment" ../other && flip_byte ../other 300000 && mv ../other ../"$segment"
expect 13 wal push --vault ../vault ../"$segment";                             [ -s ../err ]
cd ..
expect_json 0 wal check --vault vault;                     is data.clusters.0.healthy true; is data.clusters.0.timelines.0.timeline 1

# A receiver: what it has received is in the vault within a second or so; sealed, it acknowledges nothing more.
"$holdfast" wal receive --name r1 --dsn "$(dsn main)" --spool spool --vault vault -o json >receiver.out 2>receiver.err &
receiver=$!
for try in $(seq 600); do
  [ ! -s spool/status.json ] || ! grep -q '"flushed":"0/0"' spool/status.json && [ -s spool/status.json ] && break
  sleep 0.1
done
sql main "insert into t values (3)"
expect_json 0 wal seal --spool spool;                      is data.by_running_receiver true; is data.timeline 1
expect 0 wal seal --spool spool;                           prints "sealed timeline 1"
kill -TERM $receiver 2>/dev/null || true
wait $receiver || true
"$json_tool" valid "$source/docs/schemas" receiver.out || fail "the receiver's result is not as its schema says"
expect_json 0 wal check --vault vault;                     [ "$(count data.clusters.0.timelines.0.seals)" = 1 ] || fail "the seal is not in the vault"
receiver_says "sealed" wal receive --name r1 --dsn "$(dsn main)" --spool spool --vault vault
receiver_says "holds the seal of r1" wal receive --name r1 --dsn "$(dsn main)" --spool spool_of_a_new_disk --vault vault
expect 1 wal seal --spool empty_spool;                     says "empty_spool"
