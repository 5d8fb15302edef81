#!/bin/sh
# Before a removal or an upgrade (deb: remove, upgrade NEW and others; rpm: 0, 1).
#
# The timer of the nightly proof stops: there is nothing left that it could start. Mounts
# stay: a process that serves one has its program open, machines may run from it, and umount
# takes it down without restorefs. So a removal tells them, and does not fail.
set -e
case ${1-} in
remove | 0) ;;
*) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
  systemctl stop restorefs-verify.timer restorefs-verify.service || :
  if [ "$1" = 0 ]; then # rpm knows no purge
    systemctl --no-reload disable restorefs-verify.timer restorefs@.service || :
  fi
fi
# Who may mount chose these names, and how many and long they are: they must neither steer a
# terminal nor fill it. All that is no printable ASCII may do the one, so it becomes a "?". The
# escapes of /proc/mounts stay: echo would make lines of them.
mounts=$(LC_ALL=C awk '$3 == "fuse.restorefs" { if (++n <= 20) printf " %s", substr($2, 1, 200) }
  END { if (n > 20) printf " and %d more", n - 20 }' /proc/mounts 2>/dev/null |
  LC_ALL=C tr -c '\040-\176' '?') || :
if [ -n "$mounts" ]; then
  printf '%s\n' "restorefs: mounts that stay until they are unmounted (umount DIRECTORY):$mounts"
fi
exit 0
