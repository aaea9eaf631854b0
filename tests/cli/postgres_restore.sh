#!/bin/sh
# A real cluster: backed up over its replication protocol, its later WAL archived by wal push; restored to the newest state, a
# time, an LSN and a name, each of them booted and asked; an unreachable moment is refused before a byte is written.
. "$(dirname "$0")/lib"
# PostgreSQL's user runs wal push, so it gets a program, a key and a vault where it can reach them.
chmod 755 "$work"
mkdir shared
cp "$holdfast" shared/holdfast
head -c 32 /dev/urandom >shared/key
[ "$(id -u)" != 0 ] || chown -R postgres: shared
chmod 755 shared/holdfast
holdfast=$work/shared/holdfast
unset HOLDFAST_PASSPHRASE
vault="--vault $work/shared/vault --key-file $work/shared/key"
as_postgres "$holdfast" vault init $vault >/dev/null
start_cluster main "archive_mode = on" "archive_command = '$holdfast wal push $vault %p'" "wal_level = replica"
sql main "create table t (n int); insert into t select generate_series(1, 100)"
expect_json 0 backup run $vault --postgres "$(dsn main)" --component db
[ "$(value data.source_bytes)" -gt 1000000 ] || fail "hardly a byte was read"
[ "$(id -u)" != 0 ] || chown -R postgres: shared
sql main "insert into t select generate_series(101, 200)"
sql main "select pg_create_restore_point('here')" >/dev/null
lsn=$(sql main "select pg_current_wal_lsn()")
sleep 0.1
at=$(sql main "select to_char(now() at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
sleep 0.1
sql main "insert into t select generate_series(201, 300)"
sql main "select pg_switch_wal()" >/dev/null
stop_cluster main          # a fast stop archives what is there
[ "$(id -u)" != 0 ] || chown -R postgres: shared

expect_json 0 wal check $vault;                    is data.clusters.0.healthy true
rows() {   # rows DIR: boots what was restored, waits for the end of its recovery, counts, stops
  mkdir "$work/$1.run"
  [ "$(id -u)" != 0 ] || chown postgres: "$work/$1.run"
  printf "unix_socket_directories = '%s'\nlisten_addresses = ''\narchive_mode = off\n" "$work/$1.run" >>"$work/$1/postgresql.auto.conf"
  clusters="$clusters $work/$1"
  boot_cluster "$1"
  for try in $(seq 600); do
    [ "$(sql "$1" 'select pg_is_in_recovery()')" = t ] || break
    sleep 0.1
  done
  sql "$1" "select count(*) from t"
  stop_cluster "$1" immediate
}
holds() { n=$(rows "$1"); [ "$n" = "$2" ] || fail "$1 holds $n rows instead of $2"; }
expect_json 0 restore $vault --at "$at" --to "$work/by_time";              is data.timeline 1
expect_json 0 restore $vault --lsn "$lsn" --to "$work/by_lsn"
expect_json 0 restore $vault --name here --to "$work/by_name"
expect_json 0 restore $vault --snapshot latest --to "$work/latest"
holds by_time 200
holds by_lsn 200
holds by_name 200
snapshot=$(value data.snapshot)
n=$(rows latest); [ "$n" = 100 ] || [ "$n" = 300 ] || fail "latest holds $n rows"

expect 4 restore $vault --at 2001-01-01T00:00:00Z --to "$work/no";         says "hint:"
expect 4 restore $vault --at 2999-01-01T00:00:00Z --to "$work/no";         says "hint:"
expect 4 restore $vault --lsn FF/0 --to "$work/no";                        says "hint:"
expect 4 restore $vault --name elsewhere --to "$work/no";                  says "elsewhere"
expect 1 restore $vault --snapshot ffffffff --to "$work/no"
expect 4 restore $vault --snapshot latest --to "$work/latest";             says "is not empty"
expect 2 restore $vault --snapshot latest;                                 says "--to DATADIR"
[ ! -e no ] || fail "a refused restore made its target"

expect_json 0 verify $vault --component db --scratch "$work";              is data.torn_down true; is data.snapshot "$snapshot"
expect 0 verify $vault --component db --scratch "$work";                   prints "booted and asked"
expect 1 verify $vault --component nobody;                                 says "hint:"
[ -z "$(find "$work" -maxdepth 1 -name '*verify*' -o -maxdepth 1 -name '*scratch*')" ] || fail "a scratch folder is left"

# As root, for another user: what PostgreSQL's user must run or read while it recovers lies where only root can reach it.
if [ "$(id -u)" = 0 ]; then
  mkdir -m 700 hidden
  cp shared/holdfast shared/key hidden/
  chown -R root: hidden
  chmod 700 hidden/holdfast
  chmod 600 hidden/key
  ! as_postgres "$work/hidden/holdfast" version >/dev/null 2>&1 || fail "PostgreSQL's user can reach what is hidden"
  holdfast=$work/hidden/holdfast
  expect_json 0 restore --vault "$work/shared/vault" --key-file "$work/hidden/key" --at "$at" --to "$work/by_owner" --owner postgres
  [ -z "$(find by_owner ! -user postgres)" ] || fail "not all of it is the server's user's: $(find by_owner ! -user postgres | head -3)"
  [ "$(stat -c %a by_owner)" = 700 ] || fail "the data directory is open to others"
  holds by_owner 200
  expect 1 restore --vault "$work/shared/vault" --key-file "$work/hidden/key" --at "$at" --to "$work/by_nobody" --owner no-such-user
  says "no-such-user"
  [ ! -e by_nobody ] || fail "a refused restore made its target"
fi
