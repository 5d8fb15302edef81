package ext4

import "fmt"

// hasSuper says whether a group has a copy of the superblock.
func (sb *super) hasSuper(group uint64) bool {
	switch {
	case group == 0:
		return true
	case sb.compat&compatSparse2 != 0:
		return group == uint64(sb.backupGroups[0]) || group == uint64(sb.backupGroups[1])
	case group == 1 || sb.ro&roSparse == 0:
		return true
	}
	for _, base := range []uint64{3, 5, 7} {
		n := base
		for n < group {
			n *= base
		}
		if n == group {
			return true
		}
	}
	return false
}

func (sb *super) groupFirst(group uint64) uint64 {
	return uint64(sb.firstData) + group*uint64(sb.groupBlocks)
}

// descBlock returns the block that has a group's descriptor, in the first or
// second place where it may be kept, and false if there is no such place.
func (sb *super) descBlock(group uint64, backup bool) (uint64, bool) {
	perBlock := uint64(sb.blockBytes()) / uint64(sb.descBytes)
	nr := group / perBlock
	if sb.incompat&incompatMetaBG != 0 && nr >= uint64(sb.firstMetaBG) {
		// Each group of groups has them in its first group, second and last.
		g := nr * perBlock
		if backup {
			g++
		}
		if g >= sb.groups() {
			return 0, false
		}
		at := sb.groupFirst(g)
		if sb.hasSuper(g) {
			at++
			if g == 0 && sb.logBlock == 10 && sb.firstData == 0 {
				at++
			}
		}
		return at, true
	}
	if !backup {
		first := uint64(superOffset >> sb.logBlock)
		return first + 1 + nr, true
	}
	for g := uint64(1); g < sb.groups() && g < 1<<16; g++ {
		if sb.hasSuper(g) {
			return sb.groupFirst(g) + 1 + nr, true
		}
	}
	return 0, false
}

// inodeTable returns the block at which a group's table of inodes begins.
func (f *FS) inodeTable(group uint64) (uint64, error) {
	at, _ := f.sb.descBlock(group, false)
	table, err := f.inodeTableIn(at, group)
	if err == nil {
		return table, nil
	}
	if at, ok := f.sb.descBlock(group, true); ok {
		if table, again := f.inodeTableIn(at, group); again == nil {
			return table, nil
		}
	}
	return 0, fmt.Errorf("find inodes of group %d: %w", group, err)
}

func (f *FS) inodeTableIn(at, group uint64) (uint64, error) {
	b, err := f.block(at)
	if err != nil {
		return 0, err
	}
	n := uint64(f.sb.descBytes)
	d := b.data[group*n&(uint64(f.bs)-1):][:n]
	if !f.descChecksum(d, uint32(group)) {
		return 0, corrupt(fmt.Sprintf("descriptor of group %d", group), "its checksum is wrong")
	}
	table := uint64(le.Uint32(d[8:]))
	if f.sb.incompat&incompat64Bit != 0 {
		table |= uint64(le.Uint32(d[0x28:])) << 32
	}
	blocks := (int64(f.sb.groupInodes)*int64(f.sb.inodeBytes) + f.bs - 1) >> f.sb.logBlock
	if table < uint64(f.sb.firstData) || f.inside(table, blocks) != nil || table == 0 {
		return 0, corrupt(fmt.Sprintf("descriptor of group %d", group),
			"its inodes would be at block %d", table)
	}
	return table, nil
}

func (f *FS) descChecksum(d []byte, group uint32) bool {
	stored := le.Uint16(d[0x1e:])
	switch {
	case f.sb.hasChecksums():
		c := crc32cNumber(f.sb.seed, group)
		c = crc32c(crc32c(c, d[:0x1e]), zeros[:2])
		return uint16(crc32c(c, d[0x20:])) == stored
	case f.sb.ro&roGDTCsum != 0:
		var g [4]byte
		le.PutUint32(g[:], group)
		c := crc16(crc16(crc16(0xffff, f.sb.uuid[:]), g[:]), d[:0x1e])
		if f.sb.incompat&incompat64Bit != 0 {
			c = crc16(c, d[0x20:])
		}
		return c == stored
	}
	return true
}
