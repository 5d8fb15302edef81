#!/bin/sh
# A GPT with entries of 256 bytes, which UEFI allows (128 times a power of two), read by util-linux 2.38.1 (sfdisk and
# partx), parted 3.5, gdisk 1.0.9, nbdkit 1.32.5 and the Go module diskfs/go-diskfs v1.9.4.
# Expected: two partitions, or a refusal that names the reason.
# Seen: sfdisk, parted and nbdkit read both. partx (libblkid, so lsblk and udev) shows none, without a message. sgdisk
# prints a disk with no partitions and exits with 0: it made a new, empty table of 128-byte entries with a new GUID in
# memory, which a later write would store. go-diskfs returns the protective MBR as the table: one partition of the
# whole disk, no error.
. "$(dirname "$0")/common"
command -v python3 >/dev/null || cannot "needs python3"
debs fdisk=2.38.1-5+deb12u3 util-linux=2.38.1-5+deb12u3 libfdisk1=2.38.1-5+deb12u3 libblkid1=2.38.1-5+deb12u3 \
	parted=3.5-3+deb12u1 libparted2=3.5-3+deb12u1 gdisk=1.0.9-2.1 nbdkit=1.32.5-1 libnbd-bin=1.14.2-1 libnbd0=1.14.2-1
libraries sfdisk partx parted sgdisk nbdkit nbdinfo
modules github.com/diskfs/go-diskfs@v1.9.4
cat >main.go <<'GO'
package main

import (
	"fmt"

	"github.com/diskfs/go-diskfs"
	"github.com/diskfs/go-diskfs/backend/file"
)

func main() {
	b, err := file.OpenFromPath("../disk", true)
	if err != nil {
		panic(err)
	}
	d, err := diskfs.OpenBackend(b)
	if err != nil {
		panic(err)
	}
	t, err := d.GetPartitionTable()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(t.Type())
	for _, p := range t.GetPartitions() {
		if p.GetSize() > 0 {
			fmt.Printf(" %d+%d", p.GetStart()/512, p.GetSize()/512)
		}
	}
}
GO
cd "$T"
python3 - <<'PY'
import struct, uuid, zlib

SECTORS, SIZE, COUNT = 131072, 256, 128
entries = bytearray(SIZE * COUNT)
for n, (first, last) in enumerate(((2048, 22527), (40960, 61439))):
    kind = uuid.UUID('0fc63daf-8483-4772-8e79-3d69d8477de4').bytes_le
    entries[n * SIZE:n * SIZE + 56] = kind + uuid.UUID(int=n + 1).bytes_le + struct.pack('<QQQ', first, last, 0)
length = len(entries) // 512

def header(here, other, at):
    h = struct.pack('<8sIIIIQQQQ16sQIII', b'EFI PART', 0x10000, 92, 0, 0, here, other, 2 + length, SECTORS - 2 - length,
                    uuid.UUID(int=99).bytes_le, at, COUNT, SIZE, zlib.crc32(entries))
    return h[:16] + struct.pack('<I', zlib.crc32(h)) + h[20:]

disk = bytearray(SECTORS * 512)
disk[446:462] = struct.pack('<4xB3xII', 0xEE, 1, SECTORS - 1)
disk[510:512] = b'\x55\xaa'
for here, other, at in ((1, SECTORS - 1, 2), (SECTORS - 1, 1, SECTORS - 1 - length)):
    disk[here * 512:here * 512 + 92] = header(here, other, at)
    disk[at * 512:at * 512 + len(entries)] = entries
open('disk', 'wb').write(disk)
PY
seen "sfdisk, partitions" "$(sfdisk -d disk 2>&1 | grep -c ^disk)" 2
seen "parted, partitions" "$(parted -sm disk unit s print 2>&1 | grep -c '^[12]:')" 2
seen "nbdkit partition=2, bytes" "$(nbdkit -r -U - \
	--filter "$r/usr/lib/x86_64-linux-gnu/nbdkit/filters/nbdkit-partition-filter.so" \
	"$r/usr/lib/x86_64-linux-gnu/nbdkit/plugins/nbdkit-file-plugin.so" disk partition=2 \
	--run 'nbdinfo --size "$uri"' 2>/dev/null || echo none)" 10485760
seen "partx" "$(partx -go NR,START,SECTORS disk 2>&1 || true)" ""
code=0
sgdisk -p disk >sgdisk.out 2>&1 || code=$?
grep '^Disk identifier' sgdisk.out
seen "sgdisk, exit and partitions" "$code, $(grep -cE '^ +[0-9]' sgdisk.out || true)" "0, 0"
seen "sgdisk says the table holds" "$(sed -n 's/^Partition table holds up to //p' sgdisk.out)" "128 entries"
seen "sgdisk says its GUID is the disk's" "$(grep -c -i '00000063$' sgdisk.out || true)" 0
seen "go-diskfs" "$(cd go && go run .)" "mbr 1+131071"
finish
