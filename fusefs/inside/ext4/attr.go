package ext4

import "time"

// Attr is what an inode says of a file.
type Attr struct {
	Mode      uint32 // st_mode: type and permissions
	UID, GID  uint32
	Nlink     uint32
	Size      int64  // in bytes
	Blocks512 int64  // st_blocks: what it takes, in units of 512 bytes
	Rdev      uint64 // of a device file, as Linux has st_rdev

	Atime, Mtime, Ctime time.Time
	Btime               time.Time // zero if the file system does not keep it

	Encrypted bool // neither names in it nor its contents can be read
	Verity    bool // the kernel would compare its contents with digests; this package does not
}

// Stat returns the attributes of an inode.
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
		Mode:      uint32(in.mode),
		UID:       uint32(le.Uint16(raw[2:])) | uint32(le.Uint16(raw[0x78:]))<<16,
		GID:       uint32(le.Uint16(raw[0x18:])) | uint32(le.Uint16(raw[0x7a:]))<<16,
		Nlink:     uint32(le.Uint16(raw[0x1a:])),
		Size:      in.size,
		Blocks512: f.blocks512(in),
		Atime:     in.time(0x8, 0x8c),
		Mtime:     in.time(0x10, 0x88),
		Ctime:     in.time(0xc, 0x84),
		Encrypted: in.flags&flagEncrypt != 0,
		Verity:    in.flags&flagVerity != 0,
	}
	if in.has(0x94) {
		a.Btime = in.time(0x90, 0x94)
	}
	if k := in.kind(); k == typeChar || k == typeBlock {
		a.Rdev = rdev(in.iblock())
	}
	return a
}

// blocks512 returns i_blocks in units of 512 bytes.
func (f *FS) blocks512(in *inode) int64 {
	n := int64(le.Uint32(in.raw[0x1c:]))
	if f.sb.ro&roHugeFile != 0 {
		n |= int64(le.Uint16(in.raw[0x74:])) << 32
		if in.flags&flagHugeFile != 0 {
			n <<= f.sb.logBlock - 9
		}
	}
	if in.flags&flagInline != 0 && in.kind() == typeRegular {
		// As the kernel: programs take a file without blocks for one of zeros.
		n += (in.size + 511) >> 9
	}
	return n
}

// time returns a time whose seconds are in one field. Another, if the inode has
// it, has two more bits of the seconds and the nanoseconds: 1901 to 2446.
func (in *inode) time(seconds, more int) time.Time {
	s := int64(int32(le.Uint32(in.raw[seconds:])))
	if !in.has(more + 4) {
		return time.Unix(s, 0)
	}
	e := le.Uint32(in.raw[more:])
	return time.Unix(s+int64(e&3)<<32, int64(e>>2))
}

// rdev returns the number of a device as Linux gives it to programs (st_rdev).
func rdev(iblock []byte) uint64 {
	var major, minor uint64
	if old := uint64(le.Uint16(iblock)); old != 0 {
		major, minor = old>>8, old&0xff
	} else {
		n := uint64(le.Uint32(iblock[4:]))
		major, minor = n>>8&0xfff, n&0xff|n>>12&0xfff00
	}
	return (minor & 0xff) | (major&0xfff)<<8 | (minor&^0xff)<<12
}
