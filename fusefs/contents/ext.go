package contents

import "encoding/binary"

// ext2, ext3 and ext4: struct ext4_super_block in fs/ext4/ext4.h of Linux, 1024
// bytes from the start.
func ext(_ *disk, head []byte) (Contents, bool) {
	const (
		hasJournal    = 0x4 // a compatible feature
		recover       = 0x4 // an incompatible feature, like the next two
		journalDevice = 0x8
		onlyExt3      = 0x16    // filetype, recover, meta_bg: those that ext3 may have
		orphanPresent = 0x10000 // a read-only compatible feature
		valid, errors = 0x1, 0x2
	)
	sb := head[1024:]
	le := binary.LittleEndian
	if le.Uint16(sb[0x38:]) != 0xEF53 || le.Uint32(sb[0x18:]) > 6 || le.Uint32(sb[0x4C:]) > 1 {
		return Contents{}, false
	}
	compatible, incompatible, readOnly := le.Uint32(sb[0x5C:]), le.Uint32(sb[0x60:]),
		le.Uint32(sb[0x64:])
	c := Contents{Kind: "ext2", State: Clean, Label: string(sb[0x78:0x88])}
	if compatible&hasJournal != 0 {
		c.Kind = "ext3"
	}
	if incompatible&^onlyExt3 != 0 || readOnly&^0x7 != 0 {
		c.Kind = "ext4"
	}
	state := le.Uint16(sb[0x3A:])
	switch {
	case incompatible&journalDevice != 0:
		return Contents{Kind: "journal of an ext file system"}, true
	case incompatible&recover != 0:
		c.State, c.Detail = InUse, "its journal is to be replayed"
	case state&valid == 0:
		c.State, c.Detail = InUse, "it was not unmounted: it has no journal, and needs e2fsck"
	case le.Uint32(sb[0xE8:]) != 0 || readOnly&orphanPresent != 0:
		c.State, c.Detail = InUse, "it has files that were deleted while they were open"
	}
	if state&errors != 0 {
		if c.Detail != "" {
			c.Detail += "; "
		}
		c.Detail += "it has noted errors: run e2fsck on it"
	}
	return c, true
}
