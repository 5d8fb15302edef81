package vfat

const (
	exfatName    = "EXFAT   "
	bootSectors  = 11 // that the checksum in the twelfth is of
	maxDirectory = 256 << 20
)

// openExFAT reads the main boot region of exFAT.
func (f *FS) openExFAT(head []byte) error { return f.bootRegion(head, 0) }

// openSecondExFAT reads the second boot region, which lies twelve sectors behind the
// first one.
func (f *FS) openSecondExFAT() error {
	head := make([]byte, 512)
	for shift := 9; shift <= 12; shift++ {
		at := int64(bootSectors+1) << shift
		if f.dev.Meta(head, at) != nil || string(head[3:11]) != exfatName ||
			int(head[108]) != shift {
			continue
		}
		if err := f.bootRegion(head, at); err == nil {
			f.note("the boot sector is damaged: the second one is used")
			return nil
		}
	}
	return corrupt("the second boot region", "there is none")
}

// bootRegion reads a boot region.
func (f *FS) bootRegion(head []byte, at int64) error {
	const where = "the boot region"
	shift, more := int(head[108]), int(head[109])
	switch {
	case head[510] != 0x55 || head[511] != 0xaa:
		return corrupt(where, "it does not end as one")
	case shift < 9 || shift > 12 || more > 25-shift:
		return corrupt(where, "sectors of 2^%d bytes, clusters of 2^%d sectors", shift, more)
	case head[110] < 1 || head[110] > 2:
		return corrupt(where, "%d tables of clusters", head[110])
	}
	if err := f.bootChecksum(at, shift); err != nil {
		return err
	}
	bytes := le.Uint64(head[72:])
	if bytes > 1<<62>>shift {
		return corrupt(where, "%d sectors", bytes)
	}
	sectors := func(off int) int64 { return int64(le.Uint32(head[off:])) << shift }
	g := geometry{cluster: 1 << (shift + more), bytes: int64(bytes) << shift, heap: sectors(88),
		clusters: uint64(le.Uint32(head[92:])), root: le.Uint32(head[96:])}
	fat, length, flags := sectors(80), sectors(84), le.Uint16(head[106:])
	g.fats = []int64{fat}
	if head[110] == 2 {
		g.fats = append(g.fats, fat+length)
		if flags&1 != 0 {
			g.fats[0], g.fats[1] = g.fats[1], g.fats[0]
		}
	}
	switch {
	case g.clusters == 0 || g.clusters > 0xfffffff5:
		return corrupt(where, "%d clusters", g.clusters)
	case int64(g.clusters)<<more > g.bytes>>shift || g.heap > g.bytes-int64(g.clusters)*g.cluster:
		return corrupt(where, "%d clusters do not fit into %d bytes", g.clusters, g.bytes)
	case length < int64(g.clusters+2)*4 || fat < 24<<shift:
		return corrupt(
			where,
			"a table of %d bytes at byte %d for %d clusters",
			length,
			fat,
			g.clusters,
		)
	}
	f.geometry, f.bits, f.ex, f.info = g, 32, true, Info{}
	f.notes.Set(nil)
	if !f.valid(f.root) {
		return corrupt(where, "the root directory would begin at cluster %d", f.root)
	}
	f.info.Kind = "exFAT"
	f.setSerial(le.Uint32(head[100:]))
	f.setState(flags&2 != 0)
	if flags&4 != 0 {
		f.note("the disk was marked as failing")
	}
	return nil
}

// bootChecksum checks the checksum of a boot region (3.4 of the specification).
func (f *FS) bootChecksum(at int64, shift int) error {
	region := make([]byte, (bootSectors+1)<<shift)
	if err := f.dev.Meta(region, at); err != nil {
		return err
	}
	var sum uint32
	for i, b := range region[:bootSectors<<shift] {
		if i != 106 && i != 107 && i != 112 {
			sum = (sum<<31 | sum>>1) + uint32(b)
		}
	}
	if stored := le.Uint32(region[bootSectors<<shift:]); stored != sum {
		return corrupt("the boot region", "its checksum is wrong")
	}
	return nil
}
