package contents

import "encoding/binary"

// btrfs: struct btrfs_super_block in include/uapi/linux/btrfs_tree.h of Linux,
// 64 KiB from the start. Its copies are ignored: the kernel writes this
// superblock first and mounts only by it.
func btrfs(d *disk, _ []byte) (Contents, bool) {
	const at = 64 << 10
	sb := d.at(at, headBytes)
	le := binary.LittleEndian
	if sb == nil || string(sb[64:72]) != "_BHRfS_M" || le.Uint64(sb[48:]) != at {
		return Contents{}, false
	}
	// Committed data is always consistent. Data that was synced since the last
	// commit is in a log tree; an unmount leaves no log tree.
	c := Contents{Kind: "btrfs", Label: string(sb[299 : 299+256])}
	if i := indexZero(c.Label); i >= 0 {
		c.Label = c.Label[:i]
	}
	if devices := le.Uint64(sb[136:]); devices > 1 {
		c.Detail = "it is spread over several disks"
	}
	if le.Uint64(sb[96:]) != 0 {
		c.State, c.Detail = InUse, "its log tree is to be replayed"
	}
	return c, true
}

func indexZero(s string) int {
	for i := range len(s) {
		if s[i] == 0 {
			return i
		}
	}
	return -1
}
