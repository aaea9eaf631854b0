#!/bin/sh
# On a terminal, progress takes at most 6 lines, fits the screen also when that becomes narrower, and leaves nothing behind: at
# the end, at an error, at Ctrl-C. File names write nothing there. With NO_COLOR or TERM=dumb nothing is drawn.
. "$(dirname "$0")/lib"
ptmx=/dev/ptmx
if [ "$(id -u)" = 0 ] && ! python3 -c 'import os; os.openpty()' 2>/dev/null; then     # as in a bare chroot
  mkdir pts
  mount -t devpts -o ptmxmode=666 devpts pts
  mounted=$work/pts ptmx=$work/pts/ptmx
fi
on_screen() { python3 "$source/tests/screen.py" --ptmx "$ptmx" "$@" || fail "no screen for $*"; cp report out; : >err; }
evil=$(printf 'evil\033[2J\033]0;owned\007\nline\302\2332J\377')
mkdir files files/deep
for n in 1 2 3 4 5 6 7 8; do head -c 40000000 /dev/urandom >"files/$n$evil"; done
expect 0 vault init --vault vault
expect 0 vault init --copy-of vault --vault copy

# drawn CODE [option...] words...: on a screen; it was drawn, within its bounds, and only `left` lines are there at the end.
drawn() {
  wanted=$1
  shift
  options=""
  while [ "${1#--}" != "$1" ]; do
    case "$1" in --rows | --narrow | --interrupt) options="$options $1 $2"; shift ;; *) options="$options $1" ;; esac
    shift
  done
  on_screen $options --only-stderr report "$holdfast" "$@"
  is exit_code "$wanted"
  [ "$(value draws)" -ge "${least:-1}" ] || fail "$* was not drawn"
  [ "$(value most_rows)" -le "${most:-6}" ] || fail "$* took $(value most_rows) rows"
  [ "$(value widest)" -le "${widest:-99}" ] || fail "$* was $(value widest) wide"
  [ "$(value unknown)" = "[]" ] || fail "$* wrote to the terminal: $(value unknown)"
}
clean() { [ "$(value screen)" = "[]" ] || fail "something was left on the screen: $(value screen)"; }

drawn 0 backup run --vault vault --path files;                                        clean
drawn 0 backup run --vault vault --path files --reread;                               clean
widest=39 drawn 0 --narrow 40 backup run --vault vault --path files --reread;         clean
most=3 drawn 0 --rows 4 vault check --vault vault --read-data;                        clean
drawn 0 restore --vault vault --snapshot latest --to back;                            clean
drawn 0 vault copy --vault vault --to copy;                                           clean
drawn 0 vault scrub --vault vault --rate 200MB/s;                                     clean
diff -r files "back$work/files" || fail "what came back differs"

# An error, and a person who interrupts: what is left are their words.
rm -rf copy/packs
least=0 drawn 13 vault check --vault copy                # it may end before anything is drawn
prints "damaged in the vault: "
! grep -F -q "checking the vault:" out || fail "a draw was left: $(value screen)"
widest=9999 drawn 130 --interrupt reading backup run --vault vault --path files --reread
[ "$(value screen.0)" = "holdfast: interrupted [HF0016]" ] || fail "a draw was left: $(value screen)"
expect 0 backup run --vault vault --path files

# Nothing is drawn where the person does not want it, nor where no terminal is.
NO_COLOR=1 on_screen --only-stderr report "$holdfast" vault scrub --vault vault --rate 200MB/s
is draws 0; is exit_code 0; clean
on_screen --only-stderr report env TERM=dumb "$holdfast" vault scrub --vault vault --rate 200MB/s
is draws 0; is exit_code 0; clean
on_screen --only-stderr report "$holdfast" vault scrub --vault vault --rate 200MB/s -o json
is draws 0; is exit_code 0; clean
expect 0 vault scrub --vault vault --rate 200MB/s
[ ! -s err ] || fail "there are messages on stderr though it took less than 30 s"
