#!/bin/sh
# mount: a vault as a file system, compared with its source by what cp and find see; ended by a signal and by umount; as root
# and as a user; what is refused. Where this machine has no FUSE, that is said and nothing else can be seen.
#
# Where only root may open /dev/fuse, root runs this in a mount namespace of its own, in which everybody may.
others_may() { [ "$(stat -c %a /dev/fuse 2>/dev/null)" = 666 ]; }
if [ "$(id -u)" = 0 ] && [ -e /dev/fuse ] && ! others_may && [ -z "${HOLDFAST_OWN_MOUNTS:-}" ] && unshare -m true 2>/dev/null; then
  HOLDFAST_OWN_MOUNTS=yes exec unshare -m sh "$0"
fi
. "$(dirname "$0")/lib"
if [ -n "${HOLDFAST_OWN_MOUNTS:-}" ]; then
  mknod -m 666 "$work/fuse" c 10 229 && mount --bind "$work/fuse" /dev/fuse || echo "no device of our own"
fi
make_files
head -c 9000000 /dev/urandom >files/noise
ln files/one files/deep/one-again
ln -s ../one files/deep/link
touch -d '1969-12-31 23:59:58.123456789 UTC' files/numbers
printf odd >"$(printf 'files/odd\377\nname')"
truncate -s 50M files/sparse
chmod 751 files/deep
python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.note", b"kept")' files/one 2>/dev/null && noted=yes || noted=no
expect 0 vault init --vault vault
expect 0 backup run --vault vault --path files
mkdir point

if [ ! -r /dev/fuse ] || [ ! -w /dev/fuse ]; then
  got=0
  "$holdfast" mount --vault vault point >out 2>err </dev/null || got=$?
  [ "$got" != 0 ] || fail "it mounted without /dev/fuse"
  says /dev/fuse
  exit 0
fi

is_mounted() { grep -q -s "$work/point fuse" /proc/mounts; }
is_not_mounted() { ! is_mounted; }
mounted="$mounted $work/point"
in_background mount mount --vault "$work/vault" "$work/point"
server=$child
served_or_gone() { is_mounted || ! kill -0 "$server" 2>/dev/null; }
wait_until served_or_gone
if is_not_mounted; then
  # A machine that has the device and lets nobody mount: the refusal is what can be seen.
  got=0
  wait "$server" || got=$?
  [ "$got" = 12 ] || fail "the mount ended with $got: $(cat mount.err)"
  ! mount -t tmpfs none point 2>/dev/null || { umount point; fail "this machine mounts, but not for us: $(cat mount.err)"; }
  exit 0
fi
tree="point/latest$work/files"
diff -r --no-dereference files "$tree" || fail "the mounted tree is not its source"
shape() { (cd "$1" && find . -printf '%y %m %U %G %s %T@ %l %p\n' | sort); }
shape files >source.shape
shape "$tree" >mounted.shape
# Folders have no size of their own in a vault.
sed -i 's,^\(d [0-9]* [0-9]* [0-9]*\) [0-9]*,\1 -,' source.shape mounted.shape
diff source.shape mounted.shape || fail "what find sees is not what was backed up"
[ "$(stat -c %h "$tree/one")" = 2 ] || fail "a file with two names has $(stat -c %h "$tree/one")"
[ "$(stat -c %i "$tree/one")" = "$(stat -c %i "$tree/deep/one-again")" ] || fail "two names of a file are two files"
[ "$(stat -c %b "$tree/sparse")" = 0 ] || fail "a hole takes room"
if [ "$noted" = yes ]; then
  python3 -c 'import os, sys; sys.exit(os.getxattr(sys.argv[1], "user.note") != b"kept" or "user.note" not in os.listxattr(sys.argv[1]))' "$tree/one" ||
    fail "the attribute is not there"
fi
[ "$(dd if="$tree/noise" bs=1000 skip=7777 count=3 status=none | sha256sum)" = "$(dd if=files/noise bs=1000 skip=7777 count=3 status=none | sha256sum)" ] ||
  fail "the middle of a file differs"
[ "$(ls point)" = "$(printf 'hosts\nlatest\nsnapshots\ntimes')" ] || fail "the top has other names: $(ls point)"
[ "$(readlink point/times/latest)" = "../$(readlink point/latest)" ] || fail "the newest by time is another one"
[ -d "point/hosts/$(hostname)/latest$work" ] || fail "the host is not there: $(ls point/hosts)"
! touch "$tree/new" 2>/dev/null || fail "something was written"
! rm "$tree/one" 2>/dev/null || fail "something was removed"
! cat "$tree/absent" 2>/dev/null || fail "there is a file that was never there"

# A signal ends it, also while somebody stands in it.
(cd point/snapshots && : >"$work/inside" && exec sleep 600) &
children="$children $!"
wait_until test -e inside
kill -TERM "$server"
ends 0 "$server"
is_not_mounted || fail "it is still mounted after SIGTERM"
mount_again() {
  in_background mount mount --vault "$work/vault" "$work/point"
  server=$child
  wait_until is_mounted
}
mount_again
kill -INT "$server"
ends 0 "$server"
is_not_mounted || fail "it is still mounted after SIGINT"

# Somebody else unmounts it: the command ends by itself.
mount_again
umount point 2>/dev/null || fusermount3 -u point
ends 0 "$server"
in_background mount mount --vault "$work/vault" "$work/point" -o json
server=$child
wait_until is_mounted
kill -TERM "$server"
ends 0 "$server"
cp mount.out out
"$json_tool" valid "$source/docs/schemas" out || fail "the result is not as its schema says"
is data.snapshots 1

# As a user who is not root, through fusermount3.
if [ "$(id -u)" = 0 ]; then
  chmod 755 "$work"
  cp "$holdfast" "$work/program"
  chmod 755 program
  mkdir theirs theirs/point
  echo correct-horse >theirs/passphrase
  cp -a vault theirs/vault
  chown -R 65534:65534 theirs
  mounted="$mounted $work/theirs/point"
  setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$work/theirs" HOLDFAST_STATE="$work/theirs/state" \
    "$work/program" mount --vault "$work/theirs/vault" --passphrase-file "$work/theirs/passphrase" "$work/theirs/point" >user.out 2>user.err </dev/null &
  server=$!
  children="$children $server"
  theirs_or_gone() { grep -q "$work/theirs/point fuse" /proc/mounts || ! kill -0 "$server" 2>/dev/null; }
  wait_until theirs_or_gone
  if kill -0 "$server" 2>/dev/null; then
    as_user() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
    [ "$(as_user cat "$work/theirs/point/latest$work/files/deep/two")" = two ] || fail "the user cannot read what is mounted"
    kill -INT "$server"
    ends 0 "$server"
    ! grep -q "$work/theirs/point fuse" /proc/mounts || fail "the user's mount is still there"
  else
    # No fusermount3 that runs as root for users, or none that may: the refusal is what can be seen.
    [ ! -u "$(command -v fusermount3)" ] || grep -q 'NoNewPrivs:.*1' /proc/self/status ||
      { ! others_may && grep -q /dev/fuse user.err; } || fail "the user could not mount: $(cat user.err)"
  fi
fi

expect 1 mount --vault vault absent;         says "mkdir absent"
expect 4 mount --vault vault files/one;      says "is not a folder"
expect 2 mount --vault vault;                says "DIR"
expect 10 mount --vault nowhere point
