package xfs

import "time"

// Attr is what an inode says of a file.
type Attr struct {
	Mode      uint32 // st_mode: type and permissions
	UID, GID  uint32
	Nlink     uint32
	Size      int64  // in bytes
	Blocks512 int64  // st_blocks, in units of 512 bytes: see [FS.Stat]
	Rdev      uint64 // of a device file, as Linux has st_rdev

	Atime, Mtime, Ctime time.Time
	Btime               time.Time // zero if the file system does not keep it

	Encrypted bool // always false: XFS encrypts nothing
	Verity    bool // always false
}

// Stat returns the attributes of an inode. The blocks of a file of which the log leaves extents to
// be mapped are those of its contents and of its map of extents as it is: the kernel, which does
// that, may take a block more for the map (xfs_bmap_extents_to_btree, xfs_bmbt_alloc_block).
func (f *FS) Stat(ino uint64) (Attr, error) {
	in, err := f.visible(ino)
	if err != nil {
		return Attr{}, err
	}
	return f.attr(in), nil
}

func (f *FS) attr(in *inode) Attr {
	raw := in.raw
	a := Attr{
		Mode:  uint32(in.mode),
		UID:   be.Uint32(raw[8:]),
		GID:   be.Uint32(raw[12:]),
		Nlink: be.Uint32(raw[16:]),
		Size:  in.size,
		Atime: in.time(32),
		Mtime: in.time(40),
		Ctime: in.time(48),
	}
	blocks := int64(be.Uint64(raw[64:])) + f.pending[in.ino].blocks
	a.Blocks512 = blocks << (f.sb.logBlock - sectorShift)
	switch raw[4] {
	case 1:
		a.Nlink = uint32(be.Uint16(raw[6:]))
	case 3:
		a.Btime = in.time(144)
	}
	if k := in.kind(); (k == typeChar || k == typeBlock) && in.data.form == formDevice &&
		len(in.data.b) >= 4 {
		a.Rdev = rdev(be.Uint32(in.data.b))
	}
	return a
}

// time returns a time: seconds and nanoseconds, or, with bigtime, nanoseconds
// since the first second that the former can have, which is in 1901.
func (in *inode) time(at int) time.Time {
	if in.flags2&flag2BigTime == 0 {
		return time.Unix(int64(int32(be.Uint32(in.raw[at:]))),
			int64(int32(be.Uint32(in.raw[at+4:]))))
	}
	n := be.Uint64(in.raw[at:])
	return time.Unix(int64(n/1e9)-1<<31, int64(n%1e9))
}

// rdev turns the number of a device as IRIX has it into that of Linux (st_rdev).
func rdev(n uint32) uint64 {
	major, minor := uint64(n>>18&0x3fff), uint64(n&0x3ffff)
	return (minor & 0xff) | (major&0xfff)<<8 | (minor&^0xff)<<12 | (major&^0xfff)<<32
}
