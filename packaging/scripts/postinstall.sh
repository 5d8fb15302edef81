#!/bin/sh
# After an installation or an upgrade (deb: configure OLD; rpm: 1, 2).
#
# No mount is taken down and no service started anew: a process that serves a mount has its
# program open, and readers of the mount would get errors. Whoever mounts again has the new one.
set -e
case ${1-} in
configure) old=${2-} ;;
1) old='' ;;
*) old=$1 ;;
esac
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
fi
# Who may mount chose these names, and how many and long they are: they must neither steer a
# terminal nor fill it. All that is no printable ASCII may do the one, so it becomes a "?". The
# escapes of /proc/mounts stay: echo would make lines of them.
mounts=$(LC_ALL=C awk '$3 == "fuse.restorefs" { if (++n <= 20) printf " %s", substr($2, 1, 200) }
  END { if (n > 20) printf " and %d more", n - 20 }' /proc/mounts 2>/dev/null |
  LC_ALL=C tr -c '\040-\176' '?') || :
if [ -n "$old" ] && [ -n "$mounts" ]; then
  printf '%s\n' "restorefs: still served by the version before, until they are mounted anew:$mounts"
fi
exit 0
