package ext4

import (
	"fmt"

	"github.com/restorefs/restorefs/fusefs/inside/reading"
)

// findSuper returns the superblock, or the first backup of it that is whole if
// the first one is not. It returns what is to be told of that.
func findSuper(d *reading.Disk) (sb *super, notes []string, err error) {
	first, ok, err := superAt(d, superOffset)
	if err == nil && ok && first.groupNumber == 0 {
		return first, nil, nil
	}
	why := "its checksum is wrong"
	switch {
	case err != nil:
		why = err.Error()
	case ok:
		why = "it is that of another group"
	}
	if sb, off := findBackup(d); sb != nil {
		return sb, []string{
			fmt.Sprintf("the backup superblock at offset %d is used, as the first one "+
				"cannot be: %s", off, why)}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read superblock: %w", err)
	}
	return first, []string{"the superblock is used all the same, as no backup of it was found: " +
		why}, nil
}

// backupGroups are the groups that have a superblock with sparse_super, and the
// second one, which has it with sparse_super2 as well by default.
var backupGroups = []int64{1, 3, 5, 7, 9, 25, 27, 49, 81, 125, 243, 343}

// findBackup looks for a backup superblock where those of each block size are,
// if its groups are as large as mke2fs makes them.
func findBackup(d *reading.Disk) (*super, int64) {
	for log := uint(10); log <= 16; log++ {
		groupBytes := int64(8) << log << log
		for _, g := range backupGroups {
			off := g * groupBytes
			if log == 10 {
				off += 1024 // the first group begins at block 1
			}
			if off > d.Size-superBytes {
				break
			}
			sb, ok, err := superAt(d, off)
			if err == nil && ok && sb.logBlock == log && int64(sb.groupNumber) == g {
				return sb, off
			}
		}
	}
	return scanBackup(d)
}

// scanBytes is how far a backup superblock is looked for where groups have a size of their own:
// the second group of blocks of up to 4 KiB begins there at the latest.
const scanBytes = 128<<20 + superBytes

// scanBackup looks at each place that can have a superblock.
func scanBackup(d *reading.Disk) (*super, int64) {
	piece := make([]byte, 1<<20)
	for begin := int64(0); begin < min(scanBytes, d.Size-superBytes); begin += int64(len(piece)) {
		b := piece[:min(int64(len(piece)), d.Size-begin)]
		if d.Read(b, begin) != nil {
			continue
		}
		for at := 0; at+superBytes <= len(b); at += superBytes {
			if le.Uint16(b[at+0x38:]) != magicEXT {
				continue
			}
			one, off := b[at:][:superBytes], begin+int64(at)
			sb, err := parseSuper(one)
			if err == nil && superChecksum(one) && sb.groupNumber > 0 &&
				int64(sb.groupFirst(uint64(sb.groupNumber)))<<sb.logBlock == off {
				return sb, off
			}
		}
	}
	return nil, 0
}
