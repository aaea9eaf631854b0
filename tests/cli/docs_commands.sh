#!/bin/sh
# docs/commands.md has a section for every command, with every option that --help lists and a schema of its data that a
# script holds against what the command really prints; no more.
. "$(dirname "$0")/lib"
doc=$source/docs/commands.md
expect 0 --help
sed -n '/^Commands:/,/^$/p' out | sed -n 's/^  \([a-z-]*\( [a-z-]*\)\{0,2\}\)  .*/\1/p'| sed 's, *$,,' | sort >commands
sed -n 's/^### `holdfast \(.*\)`$/\1/p' "$doc" | sort >sections
diff commands sections || fail "the sections of docs/commands.md are not the commands"
while read -r words; do
  expect 0 $words --help
  sed -n 's/^  \(--[a-z-]*\).*/\1/p' out | grep -v -x -e --output -e --plan -e --state -e --verbose | sort >options || true
  sed -n "/^### \`holdfast $words\`\$/,/^### /p" "$doc" | sed -n 's/^- `\(--[a-z-]*\).*/\1/p' | sort >written
  diff options written || fail "docs/commands.md has other options for $words"
  schema=$(printf '%s' "$words" | tr ' ' -).json
  [ -f "$source/docs/schemas/$schema" ] || fail "docs/schemas lacks $schema"
  "$json_tool" closed "$source/docs/schemas/$schema" || fail "$schema says more than is checked"
  case "$words" in
    demo) proof='json_tool" valid' in=$source/tests/demo.sh ;;
    mount) proof='valid "$source/docs/schemas" out' in=$source/tests/cli/vault_mount.sh ;;
    "probe run") proof='json_lines west.out' in=$source/tests/cli/failover_watch.sh ;;
    "wal receive") proof='valid .* receiver.out' in=$source/tests/cli/wal.sh ;;
    *) proof="expect_json 0 $words" in=$source/tests/cli ;;
  esac
  grep -q -r -e "$proof" "$in" || fail "no script holds a good result of '$words' against its schema"
done <commands
for schema in result progress; do "$json_tool" closed "$source/docs/schemas/$schema.json"; done
[ "$(ls "$source/docs/schemas" | wc -l)" = $(($(wc -l <commands) + 2)) ] || fail "docs/schemas has a file that is of no command"
