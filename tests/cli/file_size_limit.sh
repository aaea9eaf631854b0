#!/bin/sh
# A limit on the size of files (ulimit -f) is an error with a hint, never a death by signal.
. "$(dirname "$0")/lib"
make_vault
head -c 12000000 /dev/urandom >files/big
got=0
(ulimit -f 4096; exec "$holdfast" backup run --vault vault --path files >out 2>err) || got=$?
[ $got = 1 ] || fail "exit code $got"
says "ulimit -f"
expect 0 vault check --vault vault --read-data;   prints "1 snapshot"
