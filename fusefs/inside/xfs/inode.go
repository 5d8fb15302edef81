package xfs

import "fmt"

// Types of files in a mode.
const (
	typeMask    = 0xf000
	typeFIFO    = 0x1000
	typeChar    = 0x2000
	typeDir     = 0x4000
	typeBlock   = 0x6000
	typeRegular = 0x8000
	typeLink    = 0xa000
	typeSocket  = 0xc000
)

const (
	inodeMagic     = 0x494e // "IN"
	inodeCRC       = 100
	inodeOldBytes  = 100 // of versions 1 and 2, before the forks
	inodeBytes     = 176 // of version 3
	flagRealtime   = 0x1
	flag2BigTime   = 0x8
	flag2Nrext64   = 0x10
	flag2Metadata  = 0x20
	maxForkExtents = 1 << 48
)

// Forms of a fork: what an inode has in the place of its contents.
const (
	formDevice  = 0
	formLocal   = 1 // the contents themselves
	formExtents = 2 // a list of extents
	formTree    = 3 // the root of a tree of extents
)

// inode is an inode that has been checked. Its bytes never change.
type inode struct {
	ino    uint64
	raw    []byte // the whole of it
	mode   uint16
	flags2 uint64
	size   int64
	data   fork
	attr   fork // attributes; empty if it has none
}

// fork is where contents or attributes are.
type fork struct {
	form    uint8
	b       []byte // of the inode
	extents uint64 // how many there are, by the inode
}

func (in *inode) kind() uint16   { return in.mode & typeMask }
func (in *inode) isDir() bool    { return in.kind() == typeDir }
func (in *inode) String() string { return inodeName(in.ino) }

// visible returns an inode that a directory may name.
func (f *FS) visible(ino uint64) (*inode, error) {
	for _, hidden := range [...]uint64{
		f.sb.rtInodes[0], f.sb.rtInodes[1], f.sb.quotas[0], f.sb.quotas[1], f.sb.quotas[2],
	} {
		if ino == hidden {
			return nil, corrupt(inodeName(ino),
				"a file system keeps it for itself, it is no file's")
		}
	}
	in, err := f.inode(ino)
	if err != nil {
		return nil, err
	}
	if in.flags2&flag2Metadata != 0 {
		return nil, corrupt(in.String(), "a file system keeps it for itself, it is no file's")
	}
	return in, nil
}

// inode reads and checks any inode.
func (f *FS) inode(ino uint64) (*inode, error) {
	block, skip, err := f.inodePlace(ino)
	if err != nil {
		return nil, err
	}
	b, err := f.block(block)
	if err != nil {
		return nil, fmt.Errorf("read inode %d: %w", ino, err)
	}
	raw := b.data[skip:][:f.sb.inodeBytes()]
	replaced := b.replaced && f.dev.replaced(int64(block)<<f.sb.logBlock+int64(skip),
		int64(len(raw)))
	if err := f.checkInode(raw, ino, !replaced); err != nil {
		return nil, err
	}
	if f.sb.v5() && !replaced {
		f.checkAge(be.Uint64(raw[112:]))
	}
	return f.parseInode(ino, raw)
}

// inodePlace returns the block that an inode is in, and where in it.
func (f *FS) inodePlace(ino uint64) (block uint64, skip int, err error) {
	sb := f.sb
	group, at := ino>>sb.logInodeGroup(), ino&(1<<sb.logInodeGroup()-1)>>sb.logPerBlock
	if group >= uint64(sb.groups) || at >= sb.groupLen(group) {
		return 0, 0, corrupt(inodeName(ino), "it would be beyond the end of the file system")
	}
	return group*uint64(sb.groupBlocks) + at, int(ino&(1<<sb.logPerBlock-1)) << sb.logInode, nil
}

// checkInode checks that an inode is there, and that it is the right one.
func (f *FS) checkInode(raw []byte, ino uint64, hasChecksum bool) error {
	where := inodeName(ino)
	if be.Uint16(raw) != inodeMagic {
		return corrupt(where, "no inode is there")
	}
	if !f.sb.v5() {
		if v := raw[4]; v != 1 && v != 2 {
			return corrupt(where, "it is of version %d", v)
		}
		return nil
	}
	switch {
	case raw[4] != 3:
		return corrupt(where, "it is of version %d", raw[4])
	case hasChecksum && !rightChecksum(raw, inodeCRC):
		return corrupt(where, "its checksum is wrong")
	case be.Uint64(raw[152:]) != ino:
		return corrupt(where, "inode %d is in its place", be.Uint64(raw[152:]))
	case [16]byte(raw[160:]) != f.sb.metaUUID:
		return corrupt(where, "it is of another file system")
	}
	return nil
}

func (f *FS) parseInode(ino uint64, raw []byte) (*inode, error) {
	in := &inode{ino: ino, raw: raw, mode: be.Uint16(raw[2:]), size: int64(be.Uint64(raw[56:]))}
	begin := inodeOldBytes
	if raw[4] == 3 {
		begin, in.flags2 = inodeBytes, be.Uint64(raw[120:])
	}
	if in.mode == 0 {
		return nil, corrupt(in.String(), "it is not in use")
	}
	if in.size < 0 {
		return nil, corrupt(in.String(), "its size would be %d bytes", uint64(in.size))
	}
	in.data = fork{form: raw[5], b: raw[begin:], extents: uint64(be.Uint32(raw[76:]))}
	in.attr = fork{form: raw[83], extents: uint64(be.Uint16(raw[80:]))}
	if in.flags2&flag2Nrext64 != 0 {
		in.data.extents, in.attr.extents = be.Uint64(raw[24:]), uint64(be.Uint32(raw[76:]))
	}
	if off := int(raw[82]) << 3; off != 0 {
		if off >= len(in.data.b) {
			return nil, corrupt(in.String(),
				"its attributes would begin %d bytes behind its fields", off)
		}
		in.data.b, in.attr.b = in.data.b[:off:off], in.data.b[off:]
	}
	if in.data.extents > maxForkExtents {
		return nil, corrupt(in.String(), "it would have %d extents", in.data.extents)
	}
	return in, nil
}
