#!/bin/sh
# HOLDFAST_POSTGRES names the folder that holds MAJOR/bin: verify and the demo start the servers that are there, and no others.
. "$(dirname "$0")/lib"
major=$(basename "$(dirname "$pg")")
start_cluster good "wal_level = replica"
expect 0 vault init --vault vault
expect 0 backup run --vault vault --component db --postgres "$(dsn good)"
mkdir none some
export HOLDFAST_POSTGRES="$work/none"
expect 1 verify --vault vault --component db
says "PostgreSQL $major is not installed under $work/none"
says "postgresql-$major, or name the folder that holds MAJOR/bin in HOLDFAST_POSTGRES"
[ -z "$(find /tmp -maxdepth 1 -name 'hf-verify-*' -newer vault 2>/dev/null)" ] || fail "a scratch folder is left"
expect 1 demo
says "PostgreSQL 13 or newer is not installed under $work/none"

# The server runs as another user, who has to reach the programs.
chmod 755 some
ln -s "$(dirname "$pg")" "some/$major"
export HOLDFAST_POSTGRES="$work/some"
expect_json 0 verify --vault vault --component db
is data.torn_down true
export HOLDFAST_POSTGRES=
[ ! -d "/usr/lib/postgresql/$major" ] || expect 0 verify --vault vault --component db
