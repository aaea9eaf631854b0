#!/bin/sh
# PostgreSQL servers that cannot be backed up or received from: each says in one hint what to change, and the vault stays
# as it was. (A server older than 13 is played by a server of our own in a test of remote.)
. "$(dirname "$0")/lib"
expect 0 vault init --vault vault
objects() { (cd vault && find . -type f -exec sha256sum {} + | sort -k 2); }
before=$(objects)
refused() {   # refused CODE TEXT HINT words...
  code=$1 text=$2 hint=$3
  shift 3
  expect_json "$code" "$@"
  says "$text"
  says "hint: $hint"
  [ "$(grep -c 'hint:' err)" = 1 ] || fail "not exactly one hint"
}
not_received() {   # not_received CODE TEXT HINT words...: what no waiting mends ends a receiver
  refused "$@"
  [ "$(grep -c -F -e "$2" err)" = 1 ] || fail "said more than once"
  rm -rf spool
}
backup="backup run --vault vault --component db --postgres"
receive="wal receive --name r1 --spool spool --vault vault --dsn"
as() { echo "host=$work/$1.run user=$2 dbname=postgres"; }

# Nothing runs there; a password in the DSN.
refused 1 "connecting to postgresql at $work/no.run" "Check that the server runs" $backup "$(as no postgres)"
receiver_says "connecting to postgresql at $work/no.run" $receive "$(as no postgres)"; rm -rf spool
refused 2 "password" "" $backup "$(as no postgres) password=hunter-two"
not_received 2 "contains a password" "" $receive "$(as no postgres) password=hunter-two"
! grep -q hunter-two out err || fail "the password is printed"

# wal_level = minimal allows no WAL sender, and the server names only that.
start_cluster poor "wal_level = minimal" "max_wal_senders = 0"
refused 4 "wal_level is minimal on $work/poor.run" "Set wal_level = replica" $backup "$(dsn poor)"
not_received 4 "wal_level is minimal on $work/poor.run" "Set wal_level = replica" $receive "$(dsn poor)"
stop_cluster poor immediate

# No WAL sender is left, then no slot; a role without the right; one that pg_hba.conf does not let in; a wrong password.
start_cluster good "wal_level = replica" "max_replication_slots = 1" "max_wal_senders = 2" "password_encryption = 'scram-sha-256'"
sql good "select pg_create_physical_replication_slot('taken', true)" >/dev/null
not_received 1 "all 1 replication slots are in use" "Raise max_replication_slots" $receive "$(dsn good)"
expect 0 $backup "$(dsn good)" --tag no-slot; says "no replication slot was free"   # its WAL came in time all the same
before=$(objects)
sql good "select pg_drop_replication_slot('taken')" >/dev/null
mkdir one two
"$pg/pg_receivewal" -D one -d "$(dsn good)" >one.log 2>&1 &
taker=$!
for try in $(seq 600); do
  [ "$(sql good "select count(*) from pg_stat_replication")" = 0 ] || break
  sleep 0.1
done
refused 1 "1 of 2 WAL senders are in use" "Raise max_wal_senders" $backup "$(dsn good)"
"$pg/pg_receivewal" -D two -d "$(dsn good)" >two.log 2>&1 &
takers="$taker $!"
for try in $(seq 600); do
  [ "$(sql good "select count(*) from pg_stat_replication")" != 2 ] || break
  sleep 0.1
done
not_received 1 "2 of 2 WAL senders are in use" "Raise max_wal_senders" $receive "$(dsn good)"
kill $takers
wait $takers 2>/dev/null || true
sql good "create role nobody login; create role locked login replication password 'right'; create role barred login replication; grant execute on function pg_control_system() to public"
refused 12 "(SQLSTATE 42501)" "Grant the role what it lacks" $backup "$(as good nobody)"
printf '%s\n' "local all,replication locked scram-sha-256" "local replication barred reject" "local all,replication all trust" >hba
[ "$(id -u)" != 0 ] || chown postgres: hba
mv hba good/pg_hba.conf
sql good "select pg_reload_conf()" >/dev/null
refused 12 "pg_hba.conf rejects replication connection" "Add a line for this user" $backup "$(as good barred)"
not_received 12 "pg_hba.conf rejects replication connection" "Add a line for this user" $receive "$(as good barred)"
refused 12 "no password supplied" "The server wants other credentials" $backup "$(as good locked)"
PGPASSWORD=wrong refused 12 "password authentication failed" "Check the password" $backup "$(as good locked)"
PGPASSWORD=wrong not_received 12 "password authentication failed" "Check the password" $receive "$(as good locked)"
same "$before" "$(objects)" "a refused backup changed the vault"

# Another cluster under a component's name; another one than the spool knows; two servers under one DSN is one too many.
expect 0 backup run --vault vault --component db --postgres "$(dsn good)"
"$holdfast" $receive "$(dsn good)" >receiver.out 2>receiver.err &
receiver=$!
for try in $(seq 600); do
  ! grep -q -s streaming spool/status.json || break
  sleep 0.1
done
kill -TERM $receiver && wait $receiver || true
start_cluster other "wal_level = replica"
before=$(objects)
refused 4 "component 'db' was cluster" "Check the DSN" $backup "$(dsn other)"
refused 4 "is cluster" "Point the DSN at the right cluster" $receive "$(dsn other)"
same "$before" "$(objects)" "a refused backup changed the vault"
expect 0 backup run --vault vault --component db --accept-new-cluster --postgres "$(dsn other)"
