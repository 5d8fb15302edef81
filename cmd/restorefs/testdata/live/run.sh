#!/bin/bash
# PID 1 of a machine whose disk is restored while it is used. It says what happens on the console:
#   ACK N      record N was written to the restored file system, and fsync has returned
#   PASS NAME, FAIL NAME
#   THE END    the machine has come to its end
# The step comes from /job/env: first, again (after a power cut), killed, last.
# /dev/vdc is the disk, /srv/share the share. Files of the backup are listed in /srv/sums.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root RESTOREFS_TEST_MAIN=1
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -o remount,rw /
mkdir -p /run /mnt/guest; mount -t tmpfs run /run
. /root/env
set -o pipefail
export RESTOREFS_SHARE=/srv/share
D=/dev/mapper/guest

say() { echo "$*"; }
check() { # NAME COMMAND...
  local name=$1; shift
  if "$@"; then say "PASS $name"; else say "FAIL $name"; fi
}
end() { sync; say "THE END"; sync; echo o >/proc/sysrq-trigger; sleep 60; }

# live ARGS: starts it in the background and waits until the device can be used.
live() {
  restorefs live --progress none --log-format text "$@" >/run/live.out 2>/run/live.err & PID=$!
  for i in $(seq 600); do
    grep -q "^$D" /run/live.out && return 0
    kill -0 $PID 2>/dev/null || break
    sleep 0.1
  done
  say "live did not get ready:"; cat /run/live.out /run/live.err; return 1
}

# The writer: numbered records, each one safe before it is said.
writer() {
  local n=$1
  while [ ! -e /run/stop ]; do
    printf '%08d\n' "$n" | dd of=/mnt/guest/records bs=9 seek="$n" conv=notrunc,fsync status=none 2>/dev/null || { say "writer: no more writes"; break; }
    say "ACK $n"; n=$((n + 1))
  done
}

acked() { # all records up to ACKED are there
  local n
  for n in $(seq 0 "$ACKED"); do
    [ "$(dd if=/mnt/guest/records bs=9 skip="$n" count=1 status=none)" = "$(printf '%08d' "$n")" ] || { say "record $n is missing"; return 1; }
  done
}
files() { (cd /mnt/guest && md5sum --quiet -c /srv/sums); }
mounts() { mount -t ext4 $D /mnt/guest || { ls -l /dev/mapper /dev/dm-*; dmsetup info; dmsetup table; cat /run/live.err; false; }; }
clean() { e2fsck -fn "$1" >/run/fsck 2>&1 || { cat /run/fsck; false; }; }
linear() { dmsetup table guest | tee /dev/stderr | grep -q " linear 254:32 0$\| linear $(stat -c '%Hr:%Lr' /dev/vdc) 0$"; }
gone() { ! losetup -a | grep . && ! grep fuse.restorefs /proc/mounts && [ -z "$(ls -A /var/lib/restorefs/live)" ]; }
finished() { local rc; wait $PID; rc=$?; cat /run/live.out /run/live.err; [ $rc -eq 0 ]; }
next() { expr "$ACKED" + 1; }

case $STEP in
first)
  check "the device is there at once" live --force --yes --name guest --bwlimit "$RATE" "$ID" /dev/vdc
  check "it is mounted while it is restored" mounts
  check "every file is right while it is restored" files
  writer 0 # until the power goes
  ;;
again)
  check "it goes on after a power cut" live --resume --bwlimit "$RATE" /dev/vdc
  check "the file system is mounted after a power cut" mounts
  check "every record is there after a power cut" acked
  check "every file is right after a power cut" files
  writer "$(next)"
  ;;
killed)
  check "it goes on before the kill" live --resume --bwlimit "$RATE" /dev/vdc
  check "the file system is mounted before the kill" mounts
  writer "$(next)" >/run/acks & W=$!
  sleep 3; kill -9 $PID; wait $PID 2>/dev/null; sleep 1; touch /run/stop; wait $W
  ACKED=$(sed -n 's/^ACK //p' /run/acks | tail -n 1); say "ACK $ACKED"
  umount /mnt/guest || umount -l /mnt/guest
  check "it goes on after a kill, with the device still there" live --resume --bwlimit "$RATE" /dev/vdc
  e2fsck -fp $D >/run/fsck 2>&1; [ $? -le 1 ] || cat /run/fsck
  check "the file system is mounted after a kill" mounts
  check "every record is there after a kill" acked
  check "every file is right after a kill" files
  rm -f /run/stop
  kill -INT $PID; sleep 2
  check "Ctrl-C waits for who uses it" kill -0 $PID
  umount /mnt/guest; wait $PID
  check "the device is taken away when nobody uses it" test ! -e $D
  end
  ;;
last)
  check "it goes on to the end" live --resume /dev/vdc
  check "the file system is mounted for the end" mounts
  writer "$(next)" >/run/acks & W=$!
  check "it comes to its end under a writer" finished
  check "the guest has the device itself" linear
  check "nothing else is left" gone
  sleep 1; touch /run/stop; wait $W
  ACKED=$(sed -n 's/^ACK //p' /run/acks | tail -n 1)
  check "every record is there at the end" acked
  check "every file is right at the end" files
  umount /mnt/guest
  cmp $D /dev/vdc; check "the device shows what the disk has" cmp $D /dev/vdc
  check "the file system is whole" clean $D
  dmsetup remove guest
  check "the plain disk is whole" clean /dev/vdc
  end
  ;;
esac
end
