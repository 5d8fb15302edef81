#!/bin/bash
# Runs as a service of the machine that systemd_test.go boots, once in each boot.
# Its output is the console; "PASS NAME" and "FAIL NAME" there are the results.
# The share is /srv/share with one backup, $ID, of a disk that begins as
# /srv/volume; $BROKEN is one with a damaged object.
. /job/env
unit=restorefs@mnt-restore.service
disk=/mnt/restore/backups/$ID/volume.raw
systemctl() { timeout 100 /usr/bin/systemctl "$@"; }
right() { timeout 60 cmp -s -n "$(stat -c %s /srv/volume)" /srv/volume $disk; }
journal() { journalctl -b -o cat --no-pager "$@" 2>/dev/null; }
mounted() { grep -q " /mnt/restore .* - fuse.restorefs " /proc/self/mountinfo; }
state() { systemctl show -p ActiveState --value "$1"; }
within() { # SECONDS COMMAND...
	local n=$(($1 * 5)); shift
	until "$@"; do [ $((n--)) -gt 0 ] || return 1; sleep 0.2; done
}
pass() { echo "PASS $1"; }
result() { # NAME, of the commands before
	if [ $? = 0 ]; then pass "$1"; else
		echo "FAIL $1"
		systemctl status --no-pager -l $unit mnt-restore.mount mnt-restore.automount 2>&1 | tail -n 40
		journal -n 25
	fi
}
is() { [ "$(state $1)" = $2 ]; }
ended() { is $unit inactive && ! mounted; }
flags() { printf 'RESTOREFS_SHARE=/srv/share\nRESTOREFS_FLAGS=%s\n' "$*" >/etc/default/restorefs; }
fstab() { # OPTIONS
	printf '/dev/vda / ext4 rw 0 0\n%s\n' "${1:+/srv/share /mnt/restore fuse.restorefs $1 0 0}" >/etc/fstab
	systemctl daemon-reload
	systemctl restart local-fs.target 2>/dev/null
}
reset() { systemctl stop $unit mnt-restore.automount mnt-restore.mount 2>/dev/null; systemctl reset-failed 2>/dev/null; mounted && umount -l /mnt/restore; true; }

live() {
	! systemctl cat mnt-restore.mount >/dev/null 2>&1
	result "no example is in force"

	systemctl start $unit && right && systemctl reload $unit && is $unit active
	result "the service starts and serves"

	systemctl stop $unit && ended && ! journal -u $unit | grep -Ei 'no restorefs mount|unset environment|Ctrl-C|fail|error'
	result "a clean stop leaves no complaint in the journal"

	systemctl start $unit && umount /mnt/restore && within 10 is $unit inactive && sleep 1 && ended &&
		[ "$(systemctl show -p Result --value $unit)" = success ]
	result "a mount that is taken down stays down"

	flags --idle-timeout=1s
	systemctl start $unit && within 20 is $unit inactive && [ "$(systemctl show -p Result --value $unit)" = success ]
	result "an idle mount ends for good"

	flags --no-such-flag
	! systemctl start $unit 2>/dev/null && sleep 1 && is $unit failed && [ "$(systemctl show -p NRestarts --value $unit)" = 0 ]
	result "a wrong flag is not tried again"
	reset

	flags
	mv /srv/share /srv/away
	systemctl start --no-block $unit; sleep 5
	mv /srv/away /srv/share
	within 30 is $unit active && [ "$(systemctl show -p NRestarts --value $unit)" -le 2 ] && right
	result "a share that comes late is found"

	kill -9 "$(systemctl show -p MainPID --value $unit)"
	within 30 right
	result "a killed server is started anew"
	reset

	proof=restorefs-verify.service
	flags; echo 'RESTOREFS_VERIFY=--sample=100%' >>/etc/default/restorefs
	! systemctl start $proof 2>/dev/null && [ "$(systemctl show -p ExecMainStatus --value $proof)" = 3 ] &&
		journal -u $proof | grep -q "$BROKEN.*DAMAGED"
	result "the proof of the night finds damage"
	flags; echo "RESTOREFS_VERIFY=--sample=100% $ID" >>/etc/default/restorefs
	systemctl start $proof && journal -u $proof | grep -q "$ID.*ok" && systemctl cat restorefs-verify.timer >/dev/null
	result "the proof of the night passes what is whole"
	systemctl reset-failed; flags

	mkdir -p /etc/systemd/system/restorefs@.service.d
	sed 's/^User=.*/User=backup/' /usr/local/share/doc/restorefs/restorefs-user.conf >/etc/systemd/system/restorefs@.service.d/user.conf
	systemctl daemon-reload; chown backup /mnt/restore; chmod -R a+rX /srv/share; echo user_allow_other >/etc/fuse.conf
	flags --allow-other
	systemctl start $unit && right && [ "$(ps -o user= -p "$(systemctl show -p MainPID --value $unit)")" = backup ] && systemctl stop $unit && ended
	result "the service runs as another user"
	reset

	printf '[Service]\nUser=backup\n' >/etc/systemd/system/restorefs@.service.d/user.conf
	systemctl daemon-reload
	timeout 30 systemctl start $unit 2>/dev/null; journal -u $unit | grep -q 'restorefs-user.conf'
	result "a user without the drop-in is told what is missing"
	reset
	rm -r /etc/systemd/system/restorefs@.service.d; chown -R root /mnt/restore /var/cache/restorefs; systemctl daemon-reload

	fstab defaults,noauto
	systemctl start mnt-restore.mount && right && dd if=/mnt/restore/backups/$BROKEN/volume.raw of=/dev/null bs=1M count=1 2>/dev/null
	within 10 sh -c "journalctl -b -o cat --no-pager -t restorefs | grep -q $BROKEN"
	result "what a mount of fstab has to say is in the journal"
	systemctl stop mnt-restore.mount && within 10 sh -c '! pidof restorefs >/dev/null'
	result "a mount unit stops"

	fstab noauto,x-systemd.automount,x-systemd.idle-timeout=3
	systemctl start mnt-restore.automount
	! mounted && timeout 60 ls /mnt/restore/backups >/dev/null && mounted && right
	result "the first to come mounts by autofs"
	exec 7<$disk; sleep 8; mounted
	result "an open file keeps an automount"
	exec 7<&-
	within 30 sh -c '! grep -q "/mnt/restore .* fuse.restorefs" /proc/self/mountinfo' && timeout 60 ls /mnt/restore/backups >/dev/null && right
	result "an automount that was idle comes back"
	pid=$(pidof restorefs); kill -9 $pid; sleep 1
	timeout 60 ls /mnt/restore/backups >/dev/null 2>&1; within 30 right
	result "an automount whose server was killed comes back"
	fstab ""; reset
}

# loop mounts the disk's file system with writes, which are not synced.
loop() { mount -o loop $disk /mnt/disk && dd if=/srv/random of=/mnt/disk/new bs=1M status=none; }
kept() { mount -o loop $disk /mnt/disk && cmp /srv/random /mnt/disk/new && umount /mnt/disk; }

case $(cat /srv/boot 2>/dev/null) in
"")
	echo 1 >/srv/boot
	printf 'RESTOREFS_SHARE=/srv/share\n' >/etc/default/restorefs
	mkdir -p /mnt/restore /mnt/disk
	live
	dd if=/dev/urandom of=/srv/random bs=1M count=2 status=none
	flags --overlay=/srv/overlay
	systemctl start $unit && loop
	result "a file system on a disk with an overlay is written"
	echo "REBOOT service"; systemctl reboot;;
1)
	echo 2 >/srv/boot
	systemctl start $unit && kept
	result "what was written before a shutdown of the service is there"
	systemctl stop $unit; rm -rf /srv/overlay
	fstab defaults,overlay=/srv/overlay
	systemctl start mnt-restore.mount && loop
	result "a file system on a disk of fstab's mount is written"
	echo "REBOOT fstab"; systemctl reboot;;
2)
	mounted && kept
	result "what was written before a shutdown of fstab's mount is there"
	systemd-analyze security --no-pager $unit | tail -n 1
	echo "REBOOT end"; systemctl poweroff;;
esac
