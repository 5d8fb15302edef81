#!/bin/sh
# After a removal, an upgrade or a purge (deb: remove, purge, upgrade and others; rpm: 0, 1).
#
# A purge removes what root's restorefs and the units kept for themselves: caches, the record of
# what was proven, and the links by which units were enabled. /etc/default/restorefs, overlays,
# and what users have in ~/.cache are theirs.
set -e
if [ "${1-}" = purge ]; then
  rm -rf /var/cache/restorefs /var/cache/restorefs-verify /var/lib/restorefs
  rm -f /var/lib/systemd/timers/stamp-restorefs-verify.timer \
    /etc/systemd/system/*.wants/restorefs-verify.timer /etc/systemd/system/*.wants/restorefs@*.service
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
fi
exit 0
