#!/bin/sh
# --help of every command begins with three examples that can be typed; the overview names every command.
. "$(dirname "$0")/lib"
expect 0 --version;  prints "holdfast 0."
expect 0;            cp out overview
expect 0 help;       cmp -s out overview || fail "help and no words differ"
expect 0 --help;     cmp -s out overview || fail "--help and no words differ"
sed -n '/^Commands:/,/^$/p' overview | sed -n 's/^  \([a-z-]*\( [a-z-]*\)\{0,1\}\)  .*/\1/p'| sed 's, *$,,' >commands
[ "$(wc -l <commands)" -ge 30 ] || fail "the overview lists few commands"
cut -s -d' ' -f1 commands | sort -u >groups
while read -r group; do
  expect 0 "$group" --help
  [ ! -s err ] || fail "$group --help writes to stderr"
  grep "^$group " commands | while read -r words; do prints "  $words  "; done
done <groups
expect 0 vault key --help; prints "  vault key rehearse  "
while read -r words; do
  expect 0 $words --help
  [ ! -s err ] || fail "$words --help writes to stderr"
  [ "$(sed -n 1,3p out | grep -c '^  [A-Za-z]')" = 3 ] || fail "$words --help does not begin with three examples"
  [ -z "$(sed -n 4p out)" ] || fail "$words --help: the fourth line is not empty"
  sed -n 1,3p out | grep -q "holdfast $words" || fail "no example of $words names it"
  prints "Usage: holdfast $words [options]"
  prints "--output FORMAT"
done <commands
