package parttable

import "encoding/binary"

// Labels of other systems are named but not read. Their formats are from
// block/partitions of Linux (sun.c, sgi.c, mac.c, amiga.c, atari.c, osf.c,
// msdos.c). Kernels built with these read such labels: Debian's generic flavour
// is, its cloud flavour is not.

// labelBytes is how much of a disk's start is searched: the Amiga's table is in
// one of the first 16 sectors.
const labelBytes = 16 * 512

// nameOtherLabel reports a label that takes the place of an MBR. If the start
// of the disk cannot be read it reports none.
func (d *disk) nameOtherLabel() {
	b := make([]byte, labelBytes)
	n := min(d.size, labelBytes)
	if d.read(b[:n], 0, "the start of the disk") != nil {
		return
	}
	if label := otherLabel(b, d.size); label != "" {
		d.problem("the disk has a disk label of %s, whose partitions are not shown here; "+
			"Linux shows them where its kernel is built for such labels", label)
	}
}

func otherLabel(b []byte, size int64) string {
	le, be := binary.LittleEndian, binary.BigEndian
	sum16, sum32 := uint16(0), uint32(0)
	for i := 0; i < 512; i += 2 {
		sum16 ^= be.Uint16(b[i:])
	}
	for i := 0; i < 512; i += 4 {
		sum32 += be.Uint32(b[i:])
	}
	switch mapAt := int(be.Uint16(b[2:])); {
	case be.Uint16(b[508:]) == 0xDABE && sum16 == 0:
		return "Sun"
	case be.Uint32(b) == 0x0BE5A941 && sum32 == 0:
		return "SGI (dvh)"
	case string(b[:2]) == "ER" && mapAt >= 512 && mapAt <= labelBytes-2 &&
		string(b[mapAt:mapAt+2]) == "PM":
		return "Apple (Mac)"
	case le.Uint32(b[512:]) == bsdMagic || le.Uint32(b[64:]) == bsdMagic:
		return "BSD"
	}
	for i := 0; i < labelBytes; i += 512 {
		if string(b[i:i+4]) == "RDSK" {
			return "Amiga (RDB)"
		}
	}
	// Atari's label has no magic number; it is known by the kinds of its
	// partitions.
	all := be.Uint32(b[0x1C2:])
	for i := 0x1C6; i < 0x1F6; i += 12 {
		start, sectors := be.Uint32(b[i+4:]), be.Uint32(b[i+8:])
		switch string(b[i+1 : i+4]) {
		case "GEM", "BGM", "XGM", "LNX", "SWP", "RAW", "MIX", "UNX":
			if b[i]&1 != 0 && start > 0 && sectors > 0 && start <= all && sectors <= all-start &&
				int64(start) < size/512 {
				return "Atari (AHDI)"
			}
		}
	}
	return ""
}

const bsdMagic = 0x82564557

// nameInnerLabel reports a label inside a partition of an MBR. Linux numbers
// the partitions of such a label behind the others.
func (d *disk) nameInnerLabel(number int, e mbrEntry) {
	word := func(sector, off int64) uint32 {
		at := (int64(e.start) + sector) * d.SectorBytes
		b := make([]byte, 4)
		if at > d.size-off-int64(len(b)) || d.read(b, at+off, "a disk label") != nil {
			return 0
		}
		return binary.LittleEndian.Uint32(b)
	}
	label := ""
	switch {
	case (e.kind == 0xA5 || e.kind == 0xA6 || e.kind == 0xA9) && word(1, 0) == bsdMagic:
		label = "BSD"
	case e.kind == 0x81 && word(0, 508)>>16 == 0xAA55:
		label = "Minix"
	case (e.kind == 0xBF || e.kind == 0x82) && word(1, 12) == 0x600DDEEE:
		label = "Solaris"
	case e.kind == 0x63 && word(29, 4) == 0xCA5E600D:
		label = "UnixWare"
	}
	if label != "" {
		d.problem("partition %d has a disk label of %s in it, whose partitions are not shown "+
			"here; Linux shows them behind the others, "+
			"where its kernel is built for such labels", number, label)
	}
	if e.kind == kindDynamic {
		d.problem("partition %d belongs to a dynamic disk of Windows (LDM), whose volumes are "+
			"not shown here; Linux shows them instead, "+
			"where its kernel is built for it", number)
	}
}
