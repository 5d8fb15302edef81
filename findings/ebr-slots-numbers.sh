#!/bin/sh
# One MBR, six readers: util-linux 2.38.1 (sfdisk, and partx, which is libblkid), parted 3.5, gdisk 1.0.9,
# nbdkit 1.32.5, sleuthkit 4.11.1.
# The first EBR has a partition in slot 1, the link to the next EBR in slot 2, and two more partitions in slots 3 and 4.
# Expected: every reader gives the same partition the same number; at least the tools of one package agree.
# Seen: number 6 is slot 3 of the first EBR for partx and parted (as for Linux), and the partition of the second EBR
# for sfdisk, sgdisk and nbdkit, which leave the slots 3 and 4 out (sfdisk warns of "extra data in partition table 5",
# the others say nothing). So "partition 6" is other data for each. mmls lists all four.
. "$(dirname "$0")/common"
command -v python3 >/dev/null || cannot "needs python3"
debs fdisk=2.38.1-5+deb12u3 util-linux=2.38.1-5+deb12u3 libfdisk1=2.38.1-5+deb12u3 libblkid1=2.38.1-5+deb12u3 \
	parted=3.5-3+deb12u1 libparted2=3.5-3+deb12u1 gdisk=1.0.9-2.1 nbdkit=1.32.5-1 libnbd-bin=1.14.2-1 libnbd0=1.14.2-1 \
	sleuthkit=4.11.1+dfsg-1+b1 libtsk19=4.11.1+dfsg-1+b1 libewf2=20140813-1+b1 \
	libvhdi1=20210425-1+b2 libvmdk1=20200926-2+b2 libafflib0v5=3.7.20-1 libbfio1=20170123-6
libraries sfdisk partx parted sgdisk nbdkit nbdinfo mmls
cd "$T"
python3 - <<'PY'
import struct

disk = bytearray(131072 * 512)

def table(sector, *slots):
    at = sector * 512 + 446
    for n, (kind, start, sectors) in enumerate(slots):
        disk[at + 16 * n:at + 16 * n + 16] = struct.pack('<4xB3xII', kind, start, sectors)
    disk[sector * 512 + 510:sector * 512 + 512] = b'\x55\xaa'

table(0, (5, 8192, 40960))
table(8192, (0x83, 64, 1000), (5, 4096, 8192), (0x83, 8192, 500), (0x83, 10240, 600))
table(12288, (0x83, 64, 1500))
open('disk', 'wb').write(disk)
PY
kit() { nbdkit -r -U - --filter "$r/usr/lib/x86_64-linux-gnu/nbdkit/filters/nbdkit-partition-filter.so" \
	"$r/usr/lib/x86_64-linux-gnu/nbdkit/plugins/nbdkit-file-plugin.so" disk partition="$1" \
	--run 'nbdinfo --size "$uri"' 2>/dev/null || echo none; }
seen "sfdisk, 6" "$(sfdisk -d disk | sed -n 's/^disk6 : start= *\([0-9]*\), size= *\([0-9]*\).*/\1+\2/p')" 12352+1500
seen "sfdisk, partitions" "$(sfdisk -d disk | grep -c ^disk)" 3
seen "sgdisk, 6" "$(sgdisk -p disk | awk '$1 == 6 {print $2 "-" $3}')" 12352-13851
seen "nbdkit partition=6, bytes" "$(kit 6)" 768000
seen "nbdkit partition=7" "$(kit 7)" none
seen "partx, 6" "$(partx -go NR,START,SECTORS disk | awk '$1 == 6 {print $2 "+" $3}')" 16384+500
seen "partx, 8" "$(partx -go NR,START,SECTORS disk | awk '$1 == 8 {print $2 "+" $3}')" 12352+1500
seen "parted, 6" "$(parted -sm disk unit s print | sed -n 's/^6:\([0-9]*\)s:[0-9]*s:\([0-9]*\)s.*/\1+\2/p')" 16384+500
seen "mmls, partitions" "$(mmls disk | grep -c 'Linux (0x83)')" 4
finish
