package ntfs

import "fmt"

// geometry is where everything lies, in bytes if nothing else is said.
type geometry struct {
	bytes   int64 // of the whole
	sector  int64
	cluster int64
	record  int64 // of a record of the MFT
	mft     int64 // where record 0 is
	mirror  int64 // where the copies of the first records are
	serial  uint64
}

const oemName = "NTFS    "

// readBoot reads the boot sector, or its copy in the last sector.
func (f *FS) readBoot() error {
	head := make([]byte, sectorBytes)
	err := f.dev.Meta(head, 0)
	if err == nil {
		if err = f.setGeometry(head); err == nil {
			return nil
		}
	}
	// The copy is behind the file system, in the last sector of the partition.
	last := f.dev.Size/sectorBytes*sectorBytes - sectorBytes
	if f.dev.Meta(head, last) == nil && f.setGeometry(head) == nil {
		f.note("the boot sector cannot be read (%v): its copy at the end was used", err)
		return nil
	}
	return fmt.Errorf("read the boot sector: %w", err)
}

// setGeometry takes the geometry from a boot sector.
func (f *FS) setGeometry(head []byte) error {
	const where = "the boot sector"
	sector := int64(le.Uint16(head[11:]))
	if string(head[3:11]) != oemName {
		return corrupt(where, "it is none of NTFS")
	}
	if sector < 256 || sector > 4096 || sector&(sector-1) != 0 {
		return corrupt(where, "sectors of %d bytes", sector)
	}
	g := geometry{sector: sector, cluster: sector * int64(head[13]), serial: le.Uint64(head[72:])}
	if head[13] > 0x80 {
		g.cluster = sector << min(256-int(head[13]), 32)
	}
	if g.cluster < sector || g.cluster > maxCluster || g.cluster&(g.cluster-1) != 0 {
		return corrupt(where, "clusters of %d bytes", g.cluster)
	}
	g.record = int64(int8(head[64])) * g.cluster
	if n := -int(int8(head[64])); n > 0 {
		g.record = 1 << min(n, 32)
	}
	if g.record < minRecord || g.record > maxRecord || g.record&(g.record-1) != 0 {
		return corrupt(where, "records of %d bytes", g.record)
	}
	sectors := le.Uint64(head[40:])
	if sectors == 0 || sectors > uint64(maxBytes/sector) {
		return corrupt(where, "%d sectors", sectors)
	}
	g.bytes = int64(sectors) * sector
	for _, at := range []struct {
		off   int
		place *int64
	}{{48, &g.mft}, {56, &g.mirror}} {
		n := le.Uint64(head[at.off:])
		if n >= uint64(g.bytes/g.cluster) {
			return corrupt(where, "the MFT would be at cluster %d", n)
		}
		*at.place = int64(n) * g.cluster
	}
	f.geometry = g
	return nil
}
