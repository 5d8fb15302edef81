package parttable

import (
	"encoding/binary"
	"fmt"
)

// mbr is the part of a boot sector, or of the first sector of a link in the
// chain of logical partitions, that lists partitions: 4 entries of 16 bytes at
// byte 446, then 55 AA.
type mbr [4]mbrEntry

type mbrEntry struct {
	flag, kind     byte
	start, sectors uint32
}

const (
	mbrBytes   = 512
	mbrEntries = 446

	kindGPT     = 0xEE
	kindDynamic = 0x42
)

// parseMBR returns false if the sector holds no list of partitions.
func parseMBR(b []byte) (m mbr, ok bool) {
	if b[510] != 0x55 || b[511] != 0xAA {
		return m, false
	}
	for i := range m {
		e := b[mbrEntries+16*i:]
		m[i] = mbrEntry{flag: e[0], kind: e[4], start: binary.LittleEndian.Uint32(e[8:]),
			sectors: binary.LittleEndian.Uint32(e[12:])}
	}
	return m, true
}

func (e mbrEntry) used() bool { return e.sectors > 0 }

// extended says whether the entry is an extended partition, which holds logical
// ones.
func (e mbrEntry) extended() bool {
	return e.used() && (e.kind == 0x05 || e.kind == 0x0F || e.kind == 0x85)
}

// protects says whether the MBR is a protective one, for programs that do not
// know GPTs.
func (m mbr) protects() bool {
	for _, e := range m {
		if e.kind == kindGPT {
			return true
		}
	}
	return false
}

// announces says whether Linux would look for a GPT: it requires the entry for
// the GPT to begin at sector 1 (pmbr_part_valid in block/partitions/efi.c).
func (m mbr) announces() bool {
	for _, e := range m {
		if e.kind == kindGPT && e.start == 1 {
			return true
		}
	}
	return false
}

// plausible says whether m can be an MBR rather than code of a boot sector.
func (m mbr) plausible() bool {
	for _, e := range m {
		if e.flag&^0x80 != 0 {
			return false
		}
	}
	return m != mbr{}
}

// readMBR adds the partitions of an MBR; first is the start of the disk.
func (d *disk) readMBR(m mbr, first []byte) {
	if !m.plausible() {
		d.nameOtherLabel()
		return
	}
	if isBootSector(first) {
		d.shownByLinux(m, "a FAT, exFAT or NTFS file system")
		return
	}
	d.SectorBytes = d.sectorOf(m, first)
	for i, e := range m {
		if e.used() && !e.extended() {
			d.add(i+1, uint64(e.start), uint64(e.sectors))
		}
	}
	// Either this is boot code of a file system that happens to look like a
	// list, or a list of partitions that has replaced a file system. A list
	// that is sound is taken for the latter.
	if holdsFileSystem(first) && (len(d.Problems) > 0 || d.overlapping()) {
		d.Table = Table{}
		d.shownByLinux(m, "an ext file system")
		return
	}
	if d.SectorBytes == 4096 {
		d.problem("the MBR counts in sectors of 4096 bytes, as what the partitions hold shows; " +
			"where a device has sectors of 512, " +
			"as loop devices have unless told otherwise, Linux shows other partitions")
	}
	for i, e := range m {
		if e.used() && !e.extended() {
			d.nameInnerLabel(i+1, e)
		}
	}
	next := 5
	for i, e := range m {
		if e.extended() {
			next = d.readLogical(i+1, e, next)
		}
	}
}

// shownByLinux reports entries that are left out here, because the whole disk
// is something else, although Linux shows partitions by them.
func (d *disk) shownByLinux(m mbr, what string) {
	for _, e := range m {
		if e.used() && int64(e.start) < d.size/512 {
			d.problem("the disk as a whole is %s; what looks like a list of partitions in its "+
				"first sector is left out, but Linux shows partitions by it", what)
			return
		}
	}
}

func (d *disk) overlapping() bool {
	probe := disk{Table: Table{Partitions: d.Partitions}}
	probe.findOverlaps()
	return len(probe.Problems) > 0
}

// readLogical follows the chain of logical partitions in an extended partition
// and returns the next free number. Each link is a sector like an MBR: its
// first entry that is extended leads to the next link, counted from the start
// of the extended partition; the other entries are partitions, counted from the
// link. As in Linux, the third and fourth entries are believed only if they lie
// inside the extended partition.
func (d *disk) readLogical(number int, in mbrEntry, next int) int {
	seen := map[uint64]bool{}
	link := uint64(in.start)
	for range maxLinks {
		what := fmt.Sprintf("the logical partitions in partition %d, from the %s one on, "+
			"cannot be found: ", number, ordinal(next-4))
		if link >= d.sectors() {
			d.problem("%sthe list at sector %d is behind the end of the disk", what, link)
			return next
		}
		if seen[link] {
			linux := ""
			if next > 5 {
				linux = " (Linux shows these over and over)"
			}
			d.problem("%sthe list at sector %d was there before, it goes in a circle%s", what,
				link, linux)
			return next
		}
		seen[link] = true
		b := make([]byte, mbrBytes)
		if err := d.read(b, int64(link)*d.SectorBytes, "a list of logical partitions"); err != nil {
			d.problem("%s%v", what, err)
			return next
		}
		m, ok := parseMBR(b)
		if !ok {
			d.problem("%ssector %d holds no list", what, link)
			return next
		}
		var follow *mbrEntry
		for i, e := range m {
			switch {
			case e.extended():
				if follow == nil {
					follow = &m[i]
				}
			case !e.used():
			case i >= 2 && (uint64(e.start)+uint64(e.sectors) > uint64(in.sectors) ||
				link+uint64(e.start) < uint64(in.start) ||
				link+uint64(e.start)+uint64(e.sectors) > uint64(in.start)+uint64(in.sectors)):
			default:
				d.add(next, link+uint64(e.start), uint64(e.sectors))
				next++
			}
		}
		if follow == nil {
			return next
		}
		link = uint64(in.start) + uint64(follow.start)
	}
	d.problem("the chain of logical partitions in partition %d has more than %d links; "+
		"the rest is left out", number, maxLinks)
	return next
}

func ordinal(n int) string {
	switch {
	case n%10 == 1 && n%100 != 11:
		return fmt.Sprintf("%dst", n)
	case n%10 == 2 && n%100 != 12:
		return fmt.Sprintf("%dnd", n)
	case n%10 == 3 && n%100 != 13:
		return fmt.Sprintf("%drd", n)
	}
	return fmt.Sprintf("%dth", n)
}
