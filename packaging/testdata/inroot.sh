#!/bin/sh
# Runs in the root of a fresh Debian, in namespaces of its own and without a network: what an
# operator does with the deb. OLD and NEW are packages, SHARE has the sample backups; a line PASS or
# FAIL for each case.
check() {
  what=$1
  shift
  if out=$("$@" 2>&1); then echo "PASS $what"; else echo "FAIL $what: $out"; fi
}
says() { # says WORDS COMMAND...: it succeeds, and prints WORDS
  [ -n "$1" ] || { echo 'it is not said what words'; return 1; } # any output has none
  words=$1
  shift
  said=$("$@" 2>&1) || { echo "exit $?: $said"; return 1; }
  case $said in *"$words"*) ;; *) echo "it says: $said"; return 1 ;; esac
}
quiet() { # it succeeds, and prints nothing
  said=$("$@" 2>&1) || { echo "exit $?: $said"; return 1; }
  [ -z "$said" ] || { echo "it says: $said"; return 1; }
}
nothing() { # no file is like these
  for file; do [ ! -e "$file" ] && [ ! -L "$file" ] || { echo "there is $file"; return 1; }; done
}
export RESTOREFS_SHARE=$SHARE HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
backup=a08e2856
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/quick # nobody keeps this system
mkdir -p /srv/restore /srv/overlay /mnt/restore /mnt/disk

check 'there is no Go, and no network' sh -c '! command -v go && [ $(wc -l </proc/net/dev) = 3 ]'
check 'it installs' dpkg -i "$OLD"
check 'it knows its version' says "version $OLD_VERSION" restorefs --version
check 'the package has the version that dpkg sorts' says "$OLD_PACKAGE" dpkg-query -W restorefs
check 'dpkg finds its files as they were' dpkg --verify restorefs
check 'it lists' says '"demo volume"' restorefs list
check 'it finds a file' says /notes/todo.txt restorefs find $backup 'todo*'
check 'it copies a file out' says 'copied to' restorefs cp $backup /notes/todo.txt /srv/restore
check 'the file is there' test -s /srv/restore/todo.txt
check 'it restores to a file' says 'every block verified' restorefs materialize $backup /srv/restore/disk.raw
check 'it proves the file' restorefs verify --target /srv/restore/disk.raw $backup
check 'it proves the backups' restorefs verify
check 'it proves the part of the night, as the unit does' sh -c "$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/restorefs-verify.service | sed 's/\$RESTOREFS_VERIFY/--sample=5%/')"

check 'mount(8) mounts by the type alone' mount -t fuse.restorefs "$SHARE" /mnt/restore -o overlay=/srv/overlay,cache_dir=/var/cache/restorefs
disk=/mnt/restore/backups/a08e2856-cee2-4cf8-b488-4ec18ae02a8c/volume.raw
check 'the disk is that of the backup' cmp $disk /srv/restore/disk.raw
check 'its file system mounts' mount -o loop $disk /mnt/disk
check 'a file in it is read' says 'Hello from a Cinder backup' cat /mnt/disk/hello.txt
check 'status says that it is well' says /mnt/restore restorefs status
pid() { sed -n 's/.*"pid": \([0-9]*\).*/\1/p' /mnt/restore/.restorefs/status.json; }
server=$(pid)

# A machine with systemd, as far as a package's scripts see it: what they ask of it is noted.
mkdir -p /run/systemd/system
printf '#!/bin/sh\necho "$@" >>/tmp/systemctl\n' >/usr/local/bin/systemctl
chmod +x /usr/local/bin/systemctl
echo "RESTOREFS_SHARE=$SHARE" >/etc/default/restorefs

check 'an upgrade says which mounts have the version before' says 'mounted anew: /mnt/restore' dpkg -i "$NEW"
check 'the new version is there' says "version $NEW_VERSION" restorefs --version
check 'an upgrade starts and stops no service' says 'daemon-reload' sh -c '! grep -v daemon-reload /tmp/systemctl && cat /tmp/systemctl'
check 'the mount is served by the process that did' test "$server" = "$(pid)"
check 'the file system in it is read' says 'Hello from a Cinder backup' cat /mnt/disk/hello.txt
check 'what is written goes on' sh -c 'echo later >/mnt/disk/later && sync -f /mnt/disk'
check 'the cache is kept' test -d /var/cache/restorefs
check 'the new version unmounts what the one before has mounted' sh -c 'umount /mnt/disk && restorefs unmount /mnt/restore'
check 'and mounts it again, with what was written' sh -c "restorefs mount --daemon --overlay /srv/overlay --cache-dir /var/cache/restorefs /mnt/restore && mount -o loop $disk /mnt/disk && grep -q later /mnt/disk/later"

server=$(pid)
: >/tmp/systemctl
mkdir -p /etc/systemd/system/timers.target.wants
ln -s /usr/lib/systemd/system/restorefs-verify.timer /etc/systemd/system/timers.target.wants/
check 'a removal tells the mounts' says 'until they are unmounted (umount DIRECTORY): /mnt/restore' dpkg -r restorefs
check 'and stops the nightly proof' grep -qx 'stop restorefs-verify.timer restorefs-verify.service' /tmp/systemctl
check 'a mount outlives the program' says 'Hello from a Cinder backup' cat /mnt/disk/hello.txt
check 'umount takes it down' sh -c 'umount /mnt/disk && umount /mnt/restore'
check 'its process ends' timeout 30 sh -c "while grep -q '^State:.[^ZX]' /proc/$server/status 2>/dev/null; do sleep 0.1; done"
check 'a removal keeps the cache, the record, the overlay and the settings' test -d /var/cache/restorefs -a -d /var/lib/restorefs -a -n "$(ls /srv/overlay)" -a -e /etc/default/restorefs
check 'nothing else is left' nothing /usr/bin/restorefs /usr/sbin/mount.fuse.restorefs /usr/lib/systemd/system/restorefs* /usr/share/doc/restorefs /usr/share/man/man?/*restorefs*
check 'a purge works' dpkg -P restorefs
check 'caches, record and links are gone' nothing /var/cache/restorefs /var/lib/restorefs /etc/systemd/system/timers.target.wants/restorefs-verify.timer
check 'what the operator made stays' test -n "$(ls /srv/overlay)" -a -e /etc/default/restorefs -a -s /srv/restore/disk.raw
check 'dpkg has no complaint' quiet dpkg --audit
echo END
