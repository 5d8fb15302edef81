package vfat

// openFAT reads the boot sector of FAT12, FAT16 and FAT32.
func (f *FS) openFAT(head []byte) error {
	const where = "the boot sector"
	sector := int64(le.Uint16(head[11:]))
	perCluster := int64(head[13])
	reserved, fats := int64(le.Uint16(head[14:])), int64(head[16])
	rootEntries := int64(le.Uint16(head[17:]))
	switch {
	case head[510] != 0x55 || head[511] != 0xaa:
		return corrupt(where, "it does not end as one")
	case sector < 512 || sector > 4096 || sector&(sector-1) != 0:
		return corrupt(where, "sectors of %d bytes", sector)
	case perCluster == 0 || perCluster&(perCluster-1) != 0:
		return corrupt(where, "clusters of %d sectors", perCluster)
	case reserved == 0 || fats == 0:
		return corrupt(where, "%d sectors before %d tables of clusters", reserved, fats)
	case rootEntries*slotBytes%sector != 0:
		return corrupt(where, "a root directory of %d entries", rootEntries)
	}
	sectors := int64(le.Uint16(head[19:]))
	if sectors == 0 {
		sectors = int64(le.Uint32(head[32:]))
	}
	fatSectors := int64(le.Uint16(head[22:]))
	f.bits = 16 // or 12
	if fatSectors == 0 {
		f.bits = 32
		fatSectors = int64(le.Uint32(head[36:]))
	}
	f.cluster, f.bytes = sector*perCluster, sectors*sector
	for i := range min(fats, 2) {
		f.fats = append(f.fats, (reserved+i*fatSectors)*sector)
	}
	f.rootOff, f.rootLength = (reserved+fats*fatSectors)*sector, rootEntries*slotBytes
	f.heap = f.rootOff + f.rootLength
	if fatSectors == 0 || f.heap >= f.bytes {
		return corrupt(
			where,
			"its %d tables of %d sectors do not fit into %d",
			fats,
			fatSectors,
			sectors,
		)
	}
	f.clusters = uint64((f.bytes - f.heap) / f.cluster)
	if f.bits == 32 {
		f.openFAT32(head)
	} else {
		if f.clusters <= 0xff4 {
			f.bits = 12
		}
		f.setSerial(le.Uint32(head[39:]))
		f.setState(head[37]&1 != 0)
		f.info.Label = label(head[43:54])
	}
	f.info.Kind = map[int]string{12: "FAT12", 16: "FAT16", 32: "FAT32"}[f.bits]
	if f.bits == 32 && f.clusters > 0xffffff4 {
		return corrupt(where, "%d clusters", f.clusters)
	}
	if held := uint64(fatSectors*sector) * 8 / uint64(f.bits); f.clusters+2 > held {
		f.clusters = max(held, 2) - 2 // Linux goes by the shorter of both too
	}
	if f.clusters == 0 || f.bits == 32 && !f.valid(f.root) {
		return corrupt(where, "the root directory has no cluster")
	}
	return nil
}

// secondBoot is the sector in which mkfs.fat and Windows keep a second boot sector of FAT32.
const secondBoot = 6

// openSecondFAT32 looks for the second boot sector of FAT32, for the reason why the first one
// cannot be used.
func (f *FS) openSecondFAT32(why error) bool {
	for sector := int64(512); sector <= 4096; sector *= 2 {
		head := make([]byte, 512)
		if f.dev.Meta(head, secondBoot*sector) != nil || int64(le.Uint16(head[11:])) != sector {
			continue
		}
		f.geometry, f.info = geometry{}, Info{}
		f.notes.Set(nil)
		if f.openFAT(head) == nil && f.bits == 32 {
			f.note("the second boot sector is used, as the first one cannot be: %v", why)
			return true
		}
	}
	return false
}

// openFAT32 reads what only FAT32 has.
func (f *FS) openFAT32(head []byte) {
	f.root = le.Uint32(head[44:]) & 0x0fffffff
	f.setSerial(le.Uint32(head[67:]))
	f.setState(head[65]&1 != 0)
	f.info.Label = label(head[71:82])
	// One table alone is kept up to date if this says so.
	if flags := le.Uint16(head[40:]); flags&0x80 != 0 && flags&15 == 1 && len(f.fats) == 2 {
		f.fats = f.fats[1:]
	}
}

// valid says whether a number is that of a cluster.
func (f *FS) valid(cluster uint32) bool {
	return cluster >= 2 && uint64(cluster) < f.clusters+2
}

// offset returns where a cluster begins.
func (f *FS) offset(cluster uint32) int64 { return f.heap + int64(cluster-2)*f.cluster }
