package parttable

import (
	"bytes"
	"encoding/binary"
)

// isBootSector says whether a sector that ends in 55 AA is the start of a FAT, exFAT, NTFS or
// BitLocker volume. It checks what libblkid and the kernel's fat driver check. The MBR of a boot
// loader may begin with a jump too, but has none of the other fields.
func isBootSector(b []byte) bool {
	switch string(b[3:11]) {
	case "NTFS    ", "EXFAT   ", "-FVE-FS-":
		return true
	}
	if b[0] != 0xEB && b[0] != 0xE9 {
		return false
	}
	sector := binary.LittleEndian.Uint16(b[11:])
	cluster, reserved, fats, media := b[13], binary.LittleEndian.Uint16(b[14:]), b[16], b[21]
	return sector >= 512 && sector <= 4096 && sector&(sector-1) == 0 &&
		cluster != 0 && cluster&(cluster-1) == 0 &&
		reserved != 0 && fats != 0 && (media >= 0xF8 || media == 0xF0)
}

// The superblock of an ext file system; Linux fs/ext4/ext4.h.
const (
	extAt       = 1024
	extMagic    = "\x53\xef"
	extMagicAt  = extAt + 0x38
	extBlocks   = extAt + 0x04
	extShift    = extAt + 0x18 // the size of a block is 1024 << this
	extGroup    = extAt + 0x5A // the block group that this copy is in
	extBlocksHi = extAt + 0x150
	maxExtShift = 6
)

// holdsFileSystem says whether b is the start of an ext file system, which leaves room for boot
// code. btrfs does so too, but its superblock lies beyond b.
func holdsFileSystem(b []byte) bool {
	return len(b) >= 2048 && string(b[extMagicAt:extMagicAt+2]) == extMagic &&
		binary.LittleEndian.Uint32(b[extShift:]) <= maxExtShift
}

const (
	contentsBytes = 4096 // read from the start; what lies behind is read separately
	btrfsAt       = 64 << 10
	btrfsMagicAt  = btrfsAt + 64
	btrfsMagic    = "_BHRfS_M"
)

// begins says whether a known file system or container begins at byte off or, with link, a list of
// logical partitions. With strict it must fit into size bytes and not be a backup superblock: those
// of ext say which group they are in, those of btrfs where they are, and those of XFS and ext how
// large the file system is.
func (d *disk) begins(off, size int64, link, strict bool) (bool, error) {
	if off > d.size-contentsBytes {
		return false, nil
	}
	b := make([]byte, contentsBytes)
	if err := d.read(b, off, "the start of a partition"); err != nil {
		return false, err
	}
	le, be := binary.LittleEndian, binary.BigEndian
	at := func(off int, magic string) bool { return bytes.HasPrefix(b[off:], []byte(magic)) }
	switch {
	case holdsFileSystem(b):
		blocks := uint64(le.Uint32(b[extBlocks:])) | uint64(le.Uint32(b[extBlocksHi:]))<<32
		return !strict || le.Uint16(b[extGroup:]) == 0 &&
			blocks <= uint64(size)>>(10+le.Uint32(b[extShift:])), nil
	case at(0, "XFSB"):
		return !strict || be.Uint32(b[4:]) >= 512 &&
			be.Uint64(b[8:]) <= uint64(size)/uint64(be.Uint32(b[4:])), nil
	case at(510, "\x55\xaa"):
		m, _ := parseMBR(b)
		return isBootSector(b) || link && m.plausible(), nil
	case at(0, "LUKS\xba\xbe"), at(4086, "SWAPSPACE2"), at(1024, "\x10\x20\xf5\xf2"): // F2FS
		return true, nil
	case at(512, "LABELONE"), at(0, "LABELONE"): // LVM
		return true, nil
	}
	if off+btrfsMagicAt+int64(len(btrfsMagic)) > d.size {
		return false, nil
	}
	b = b[:btrfsMagicAt+len(btrfsMagic)-btrfsAt]
	if err := d.read(b, off+btrfsAt, "the start of a partition"); err != nil {
		return false, err
	}
	return at(btrfsMagicAt-btrfsAt, btrfsMagic) && (!strict || le.Uint64(b[48:]) == btrfsAt), nil
}

// sectorOf finds out which sector size an MBR counts in, as the MBR does not say. It is 512 bytes
// unless, with sectors of 4096 bytes, all partitions fit the disk and one of them begins with known
// contents, while with sectors of 512 bytes none does. If the start of the disk is a file system,
// older or newer than the list, what lies inside is no evidence, and the size is 512.
func (d *disk) sectorOf(m mbr, first []byte) int64 {
	if holdsFileSystem(first) {
		return 512
	}
	for _, e := range m {
		if e.used() && uint64(e.start)+uint64(e.sectors) > uint64(d.size/4096) {
			return 512
		}
	}
	for _, sector := range []int64{512, 4096} {
		for _, e := range m {
			if !e.used() || e.start == 0 {
				continue
			}
			known, err := d.begins(int64(e.start)*sector, int64(e.sectors)*sector, e.extended(),
				sector != 512)
			if err != nil {
				d.problem("the size of sectors could not be found out, 512 bytes are assumed: %v",
					err)
				return 512
			}
			if known {
				return sector
			}
		}
	}
	return 512
}
