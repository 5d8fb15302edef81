package parttable

import (
	"bytes"
	"encoding/binary"
)

// isBootSector says whether a sector that ends in 55 AA is the start of a FAT,
// exFAT, NTFS or BitLocker volume, by what libblkid and the kernel's fat
// driver look at. A boot loader's MBR may jump like one, but has none of the rest.
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

// holdsFileSystem says whether an ext file system, which leaves room for boot
// code, begins where b does. Of others that do (btrfs) the place is beyond b.
func holdsFileSystem(b []byte) bool {
	return len(b) >= 2048 && b[1024+56] == 0x53 && b[1024+57] == 0xEF &&
		binary.LittleEndian.Uint32(b[1024+24:]) <= 6 // the size of blocks, as a shift
}

// contents is what the start of a partition is recognized by.
type contents struct {
	at    int64 // in bytes
	magic string
}

const (
	contentsBytes = 4096 // from the start; what lies behind is read by itself
	btrfsMagicAt  = 64<<10 + 64
	btrfsMagic    = "_BHRfS_M"
)

func knownContents() []contents {
	return []contents{
		{0, "XFSB"},
		{0, "LUKS\xba\xbe"},
		{510, "\x55\xaa"}, // FAT, NTFS, and the link of a logical partition
		{512, "LABELONE"}, // LVM
		{1024 + 56, "\x53\xef"},
		{4086, "SWAPSPACE2"},
	}
}

// holdsSomething says whether something known begins at that byte.
func (d *disk) holdsSomething(off int64) (bool, error) {
	if off+contentsBytes > d.size {
		return false, nil
	}
	b := make([]byte, contentsBytes)
	if err := d.read(b, off, "the start of a partition"); err != nil {
		return false, err
	}
	for _, c := range knownContents() {
		if bytes.HasPrefix(b[c.at:], []byte(c.magic)) {
			return true, nil
		}
	}
	b = b[:len(btrfsMagic)]
	if off+btrfsMagicAt+int64(len(b)) > d.size {
		return false, nil
	}
	if err := d.read(b, off+btrfsMagicAt, "the start of a partition"); err != nil {
		return false, err
	}
	return string(b) == btrfsMagic, nil
}

// sectorOf finds out how large the sectors are that an MBR counts in, which it
// does not say. They are 512 bytes, unless in sectors of 4096 bytes everything
// fits the disk, and the first partition's contents are there and not here.
func (d *disk) sectorOf(m mbr) int64 {
	first, found := uint32(0), false
	for _, e := range m {
		if !e.used() {
			continue
		}
		if uint64(e.start)+uint64(e.sectors) > uint64(d.size/4096) {
			return 512
		}
		if !found || e.start < first {
			first, found = e.start, true
		}
	}
	if !found || first == 0 {
		return 512
	}
	here, err := d.holdsSomething(int64(first) * 512)
	there := false
	if err == nil && !here {
		there, err = d.holdsSomething(int64(first) * 4096)
	}
	if err != nil {
		d.problem("how large sectors are could not be found out, 512 bytes are assumed: %v", err)
	}
	if there {
		return 4096
	}
	return 512
}
