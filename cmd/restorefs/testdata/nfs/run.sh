#!/bin/bash
# Runs as PID 1 of the machine that nfsmachine_test.go boots: the kernel's NFS server and clients on
# its loopback. "PASS NAME" and "FAIL NAME" on the console are the results. /srv/export is the share
# with the backups $ID and $OTHER, of disks that are /srv/volume and /srv/other; LONG says how many
# times the server is taken away.
. /job/env
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
exec </dev/null >/dev/ttyS0 2>&1
here=127.0.0.1:/srv/export
within() { # SECONDS COMMAND...
	local end=$((SECONDS + $1)); shift
	until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 0.3; done
}
result() { # NAME, of the commands before
	if [ $? = 0 ]; then echo "PASS $1"; else
		echo "FAIL $1"
		tail -n 15 /tmp/said /tmp/log 2>/dev/null
	fi
}
say() { timeout 60 "$@" >/tmp/said 2>&1; }
away() { tc qdisc replace dev lo root netem loss 100%; }
back() { tc qdisc del dev lo root 2>/dev/null; true; }
export_as() { # OPTIONS
	exportfs -ua; exportfs -o "ro,insecure,no_subtree_check,$1" 127.0.0.1:/srv/export
}
start() { rpc.nfsd --grace-time 10 --lease-time 10 4; }
stop() { rpc.nfsd 0; }
mounted() { # OPTIONS... of restorefs mount; what it says is in /tmp/log
	restorefs mount --refresh 2s "$@" /mnt >/dev/null 2>/tmp/log & mount=$!
	within 40 test -e /mnt/backups/$ID/volume.raw
}
ended() { restorefs unmount /mnt >/tmp/said 2>&1; wait $mount; }
disk() { echo /mnt/backups/$ID/volume.raw; }
size=$(stat -c %s /srv/volume)
right() { cmp -s -n $size "$1" /srv/volume; } # what is behind is zero
rest() { head -c $((size - $1)) <&5 >/tmp/read; } # of the open disk, from a place on
goes_on() { cmp -s <(tail -c +$(($1 + 1)) /srv/volume) /tmp/read; }
restored() { # OPTIONS... of materialize
	rm -f /tmp/disk*
	say restorefs materialize --yes "$@" $ID /tmp/disk && right /tmp/disk
}
own() { restored --share $here --mount-options "$1"; }
client() { restored --share "nfs://127.0.0.1/srv/export?version=$1&uid=64061&gid=64061"; }

ending() { sync; echo "THE END"; echo o >/proc/sysrq-trigger; sleep 100; }

mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t tmpfs -o mode=755 run /run; mount -t tmpfs tmp /tmp
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
mount -o remount,rw /; ip link set lo up; mkdir -p /run/rpcbind /run/lock /mnt /var/lib/nfs/v4recovery /var/lib/nfs/rpc_pipefs
mount -t nfsd nfsd /proc/fs/nfsd; mount -t rpc_pipefs rpc_pipefs /var/lib/nfs/rpc_pipefs
touch /var/lib/nfs/etab /var/lib/nfs/rmtab /etc/exports
echo '_rpc:x:106:65534::/run/rpcbind:/usr/sbin/nologin' >>/etc/passwd # as the package's script would
rpcbind; rpc.mountd; export_as fsid=1,no_root_squash; start
within 20 rpcinfo -t 127.0.0.1 nfs 3 >/dev/null 2>&1 && say restorefs list --share $here && grep -q $ID /tmp/said
result "the kernel's server is there"
grep -q $ID /tmp/said || { rpcinfo; cat /proc/fs/nfsd/versions /var/lib/nfs/etab; ending; }

for v in 3 4.0 4.1 4.2; do own vers=$v; result "a disk is restored by the kernel's client in version $v"; done
for v in 3 4.0 4.1; do client $v; result "a disk is restored by the program's own client in version $v"; done

mkdir -p /tmp/there && mount -t nfs -o ro,vers=4.2 $here /tmp/there && restored --share $here --verbose && ! grep -q 'mounted the share' /tmp/said
result "a mount that is there is used"
umount -l /tmp/there

tc qdisc replace dev lo root netem delay 10ms loss 1%
own vers=4.2 && own vers=3; result "the kernel's client restores over a slow link that loses packets"
client 4.1 && client 3; result "the program's own client restores over a slow link that loses packets"
back

export_as fsid=1,root_squash
! own vers=4.2 && grep -q 'root_squash' /tmp/said && client 4.1 && client 3
result "with root_squash the ids of the URL read what root may not"
export_as fsid=1,no_root_squash

gone() { # WHAT HOW BACK NAME: a reader waits while the server is away, and gets the right bytes
	mounted "${share[@]}" && { dd if=$(disk) of=/tmp/read bs=64K count=8 status=none; sync; $1
	dd if=$(disk) of=/tmp/read bs=64K count=$((size / 65536)) status=none & reader=$!
	sleep 7; $2; wait $reader && right /tmp/read && grep -q 'not answer' /tmp/log; }
	result "$3"; ended
}
for ((n = 0; n < LONG; n++)); do
	share=(--share $here --mount-options vers=4.2 --memory 64MiB)
	gone away back "a reader waits for a server that is away: the kernel's client"
	gone stop start "a reader waits for a server that starts again: the kernel's client"
	share=(--share "nfs://127.0.0.1/srv/export?uid=64061&gid=64061" --memory 64MiB)
	gone away back "a reader waits for a server that is away: the program's own client"
	gone stop start "a reader waits for a server that starts again: the program's own client"
done

for v in 3 4.2; do
	mounted --share $here --mount-options vers=$v --memory 64MiB && exec 5<$(disk) && dd bs=64K count=1 status=none <&5 >/dev/null
	n=$((${n:-10} + 1)); export_as fsid=$n,no_root_squash
	within 60 right $(disk) && rest 65536 && goes_on 65536
	result "a mount of its own comes back when the export is another file system, and open disks go on: version $v"
	exec 5<&-; ended
done
[ -z "$(ls /run/restorefs)" ] && ! grep -qE ' nfs4? ' /proc/self/mountinfo; result "no mount of the share is left behind"

mounted --share $here --mount-options vers=4.2 --memory 64MiB && exec 5<$(disk) && head -c 4096 <&5 >/dev/null
mv /srv/export/$DIR /srv/gone && within 60 eval '! test -e /mnt/backups/$ID' && { rest 4096 2>/dev/null; cmp -n $(stat -c %s /tmp/read) <(tail -c +4097 /srv/volume) /tmp/read; }
result "a backup that is deleted while it is read goes, and gives no wrong byte"
exec 5<&-
mv /srv/gone /srv/export/$DIR && within 60 right $(disk)
result "a backup that is finished meanwhile appears"
ended

ending
