package xfs

import "fmt"

// readSuper returns the superblock, or that of another group if the first one makes no sense. It
// returns what is to be told of that.
func readSuper(d *device) (sb *super, notes []string, err error) {
	sb, ok, err := superAt(d, 0, false)
	if err == nil {
		if !ok && !d.replaced(0, int64(sb.sectorBytes)) {
			notes = append(notes,
				"the checksum of the superblock is wrong; it is used all the same")
		}
		return sb, notes, nil
	}
	if second, off := findSecond(d); second != nil {
		return second, []string{fmt.Sprintf(
			"the superblock at offset %d is used, as the first one cannot be: %v", off, err)}, nil
	}
	return nil, nil, fmt.Errorf("read superblock: %w", err)
}

// superAt reads the superblock at an offset, and says whether its checksum is right. second is one
// of another group than the first.
func superAt(d *device, off int64, second bool) (sb *super, ok bool, err error) {
	b := make([]byte, sectorBytes)
	if err := d.read(b, off); err != nil {
		return nil, false, err
	}
	if second {
		b[126] = 0 // mkfs.xfs leaves the mark there that it has not finished
	}
	if sb, err = parseSuper(b); err != nil || !sb.v5() {
		return sb, true, err
	}
	b = make([]byte, sb.sectorBytes)
	if err := d.read(b, off); err != nil {
		return nil, false, err
	}
	return sb, rightChecksum(b, superCRC), nil
}

const (
	groupMagic = 0x58414746 // "XAGF", which lies in the sector behind the superblock

	// maxGuessed is how many groups of equal size a file system may have to be found by that.
	maxGuessed = 64
	// maxRoots is how many groups are asked for the root directory.
	maxRoots = 64
)

// findSecond looks for the superblock of the second group: where the header of the first one says
// that it ends, or where it is if all groups are as large as mkfs.xfs makes them.
func findSecond(d *device) (*super, int64) {
	for sector := int64(sectorBytes); sector <= 1<<15; sector *= 2 {
		b := make([]byte, 16)
		if d.read(b, sector) != nil || be.Uint32(b) != groupMagic || be.Uint32(b[8:]) != 0 {
			continue
		}
		for log := uint(9); log <= 16; log++ {
			if sb := d.second(int64(be.Uint32(b[12:])) << log); sb != nil {
				return sb, int64(sb.groupBlocks) << sb.logBlock
			}
		}
	}
	for _, log := range [...]uint{12, 9, 10, 11, 13, 14, 15, 16} {
		blocks := d.Size >> log
		for groups := int64(2); groups <= maxGuessed; groups++ {
			if sb := d.second((blocks + groups - 1) / groups << log); sb != nil {
				return sb, int64(sb.groupBlocks) << sb.logBlock
			}
		}
	}
	return nil, 0
}

// second returns the superblock of the second group if it is at an offset, with the root directory
// that the first one had. mkfs.xfs writes that into some groups only.
func (d *device) second(off int64) *super {
	sb, ok, err := superAt(d, off, true)
	if err != nil || !ok || sb.groups < 2 || int64(sb.groupBlocks)<<sb.logBlock != off {
		return nil
	}
	groups := []uint32{1, sb.groups - 1, sb.groups / 2}
	for g := uint32(2); g < min(sb.groups, maxRoots); g++ {
		groups = append(groups, g)
	}
	for _, g := range groups {
		other, ok, err := superAt(d, off*int64(g), true)
		if err == nil && ok && other.uuid == sb.uuid && other.root != 0 &&
			other.root != ^uint64(0) {
			sb.root = other.root
			return sb
		}
	}
	return nil
}
