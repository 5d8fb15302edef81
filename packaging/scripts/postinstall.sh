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
# Who may mount chose these names: they must steer no terminal.
mounts=$(awk '$3 == "fuse.restorefs" { printf " %s", $2 }' /proc/mounts 2>/dev/null | tr -d '\000-\037\177') || :
if [ -n "$old" ] && [ -n "$mounts" ]; then
  echo "restorefs: still served by the version before, until they are mounted anew:$mounts"
fi
exit 0
