#!/bin/sh
# After a backup by the plan: status, journal, document and evidence tell of it; a changed journal is found (exit 13).
. "$(dirname "$0")/lib"
make_files
write_plan
expect 10 backup run web;                says "no vault at"
expect 0 vault init --vault vault
expect_json 0 backup run web;            is data.component web; is data.files 3
expect_json 0 backup run --all;          [ "$(count data.backups)" = 1 ]

# The key of a vault as what a program prints; a program that fails is told.
printf 'correct-horse\n' >secret
sed "s,key: env:HOLDFAST_PASSPHRASE,key: 'command:cat $work/secret'," holdfast.yaml >by_command.yaml
(unset HOLDFAST_PASSPHRASE; expect 0 backup run web --plan by_command.yaml)
sed "s,key: env:HOLDFAST_PASSPHRASE,key: 'command:false'," holdfast.yaml >by_failing.yaml
(unset HOLDFAST_PASSPHRASE; expect 12 backup run web --plan by_failing.yaml; says "false"; says "hint:")

expect 2 backup run wbe;                 says "no component 'wbe'"
expect_json 0 status;                    is data.components.0.protected true; is data.components.0.proven false
expect 0 status;                         prints "holdfast restore --vault $work/vault --component web --snapshot latest --to DIR"
expect_json 0 journal list;              [ "$(count data.entries)" -ge 2 ] || fail "no two events"
expect 0 journal list;                   prints "backup.finished"

# The read model beside the journal is a copy: deleted or damaged, it is made again; where nobody may write, it is not missed.
runs() { expect_json 0 run list; value data.runs; expect_json 0 status; value data.components.0.protected; }
runs >seen; [ -s "$HOLDFAST_STATE/read-model.sqlite" ] || fail "there is no read model"
rm "$HOLDFAST_STATE/read-model.sqlite"
runs | cmp -s - seen || fail "something was lost with the read model"
echo damaged >"$HOLDFAST_STATE/read-model.sqlite"
runs | cmp -s - seen || fail "a damaged read model is believed"
rm "$HOLDFAST_STATE/read-model.sqlite"; mkdir "$HOLDFAST_STATE/read-model.sqlite"     # nothing can be written there
runs | cmp -s - seen || fail "without a read model nothing is listed"
rmdir "$HOLDFAST_STATE/read-model.sqlite"
expect_json 0 journal verify;            is data.first_bad null; events=$(value data.events)
expect_json 0 journal export --to events.jsonl
[ "$(wc -l <events.jsonl)" = "$events" ] || fail "the export lacks events"
expect 0 journal export;                 cmp out events.jsonl
# Who did it is whom the kernel knows, whatever a variable says.
USER=mallory LOGNAME=mallory expect 0 backup run web
expect_json 0 journal list
is "data.entries.$(($(count data.entries) - 1)).event.actor.id" "${SUDO_USER:-$(id -un)}"
expect_json 0 run list;                  [ "$(count data.runs)" = 0 ]
expect 1 run show f-2026;                says "f-2026"
expect_json 0 evidence controls
expect 0 evidence controls;              prints "SOC 2"
expect_json 0 document build --to doc
[ -s doc/disaster-recovery-plan.md ] && [ -s doc/disaster-recovery-plan.html ] || fail "the document is not there"
expect 1 verify web;                     says "only PostgreSQL"

mkdir journal.good && cp -a "$HOLDFAST_STATE/journal/." journal.good/
segment=$(find "$HOLDFAST_STATE/journal" -type f -size +300c | sort | head -1)
flip_byte "$segment" 250
expect_json 13 journal verify;           says "hint:"
expect 13 journal list
expect 13 status
flip_byte "$segment" 250

# A journal that cannot be written: the backup is made, and each way of asking for it says what is not recorded.
mv "$HOLDFAST_STATE/journal" "$HOLDFAST_STATE/elsewhere"
: >"$HOLDFAST_STATE/journal"
expect 0 backup run web;                 says "not in the journal"
expect_json 0 backup run --all;          [ "$(count warnings)" = 1 ] || fail "no warning"; says "web: the backup is in the vault, but not in the journal"
