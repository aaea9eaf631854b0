#!/bin/sh
# Words that name no command or no option: exit 2, and what was probably meant.
. "$(dirname "$0")/lib"
expect 2 bakup run;                         says "Did you mean 'holdfast backup run'?"; prints_nothing
expect 2 backup rnu;                        says "Did you mean 'holdfast backup run'?"
expect 2 vault chek;                        says "Did you mean 'holdfast vault check'?"
expect 2 backup;                            says "'backup run' 'backup list'"
expect 2 zzzzz;                             says "holdfast --help"
expect 2 backup run --pth x;                says "Did you mean --path?"
expect 2 vault check --vualt x;             says "Did you mean --vault?"
expect 2 vault check --vault x --vault y;   says "--vault stands more than once"
expect 2 backup list -o;                    says "--output"
expect 2 backup list -o xml;                says "Use -o table, -o json or -o jsonl"
expect 2 wal seal;                          says "--spool is required"
expect 1 wal seal --spool nowhere;          says "there is no spool at nowhere"; says "hint:"
expect 2 verify;                            says "Name a component of the plan, or a vault with --vault"
expect 2 backup run --vault v --path . --postgres host=/x;  says "not of both"
expect 2 restore one two;                   says "not expected"
expect 2 explain;                           says "takes NAME"
expect 2 wal push;                          says "takes PATH"
expect 2 run show a b;                      says "takes RUN"
expect 2 vault;                             says "'vault' alone is no command"; says "'vault key list'"
expect 2 -o json status;                    says "Options stand after the command"
expect_json 2 bakup run;                    is errors.0.kind usage; is ok false
expect_json 2 backup list --nonsense;       is errors.0.id HF0002
[ ! -e "$HOLDFAST_STATE" ] || fail "a wrong word made a state folder"
