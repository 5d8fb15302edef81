package ext4

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

// Flags of an inode.
const (
	flagEncrypt  = 0x800
	flagIndex    = 0x1000
	flagHugeFile = 0x40000
	flagExtents  = 0x80000
	flagVerity   = 0x100000
	flagEAInode  = 0x200000
	flagInline   = 0x10000000
	flagCasefold = 0x40000000
)

const (
	rootInode    = 2
	journalInode = 8
	mapBytes     = 60 // of i_block
)

// inode is an inode that has been checked. Its bytes never change.
type inode struct {
	ino   uint64
	raw   []byte // the whole of it
	mode  uint16
	flags uint32
	size  int64
	extra int    // bytes behind the first 128 that have a meaning
	seed  uint32 // of the checksums of what it owns

	fast *fastInode // what fast commits change in where its blocks are; may be nil
}

func (in *inode) kind() uint16   { return in.mode & typeMask }
func (in *inode) isDir() bool    { return in.kind() == typeDir }
func (in *inode) iblock() []byte { return in.raw[40 : 40+mapBytes] }
func (in *inode) String() string { return inodeName(in.ino) }

// has says whether a field that ends there is in the inode.
func (in *inode) has(end int) bool { return 128+in.extra >= end }

// visible returns an inode that a directory may name.
func (f *FS) visible(ino uint64) (*inode, error) {
	if ino != rootInode && ino < uint64(f.sb.firstInode) {
		return nil, corrupt(inodeName(ino), "a file system keeps it for itself, it is no file's")
	}
	in, err := f.inode(ino)
	if err != nil {
		return nil, err
	}
	if in.flags&flagEAInode != 0 {
		return nil, corrupt(in.String(), "it holds an extended attribute and is no file's")
	}
	return in, nil
}

// inode reads and checks any inode.
func (f *FS) inode(ino uint64) (*inode, error) {
	raw, err := f.inodeBytes(ino)
	if err != nil {
		return nil, err
	}
	fast := f.fast.inode(ino)
	if fast != nil && fast.raw != nil {
		raw = fast.apply(raw)
	} else if err := f.inodeChecksum(raw, ino); err != nil {
		return nil, err
	}
	return f.parseInode(ino, raw, fast)
}

// inodeBytes returns the bytes of an inode as they are in its table.
func (f *FS) inodeBytes(ino uint64) ([]byte, error) {
	if ino < 1 || ino > uint64(f.sb.inodes) {
		return nil, corrupt(inodeName(ino), "the file system has inodes 1 to %d", f.sb.inodes)
	}
	group, index := (ino-1)/uint64(f.sb.groupInodes), (ino-1)%uint64(f.sb.groupInodes)
	table, err := f.inodeTable(group)
	if err != nil {
		return nil, fmt.Errorf("read inode %d: %w", ino, err)
	}
	off := index * uint64(f.sb.inodeBytes)
	b, err := f.block(table + off>>f.sb.logBlock)
	if err != nil {
		return nil, fmt.Errorf("read inode %d: %w", ino, err)
	}
	return b.data[off&uint64(f.bs-1):][:f.sb.inodeBytes], nil
}

func (f *FS) parseInode(ino uint64, raw []byte, fast *fastInode) (*inode, error) {
	in := &inode{
		ino: ino, raw: raw, fast: fast,
		mode:  le.Uint16(raw[0:]),
		flags: le.Uint32(raw[0x20:]),
		size:  int64(le.Uint32(raw[4:])),
	}
	if len(raw) > 128 {
		in.extra = int(le.Uint16(raw[0x80:]))
		if in.extra < 4 || 128+in.extra > len(raw) || in.extra&3 != 0 {
			if in.extra != 0 {
				return nil, corrupt(in.String(), "it has %d bytes behind the first 128", in.extra)
			}
		}
	}
	if in.mode == 0 {
		return nil, corrupt(in.String(), "it is not in use")
	}
	if in.kind() == typeRegular || f.sb.incompat&incompatLargeDir != 0 {
		in.size |= int64(le.Uint32(raw[0x6c:])) << 32
	}
	if in.size < 0 {
		return nil, corrupt(in.String(), "its size would be %d bytes", uint64(in.size))
	}
	in.seed = crc32cNumber(crc32cNumber(f.sb.seed, uint32(ino)), le.Uint32(raw[0x64:]))
	return in, nil
}

// inodeChecksum checks the checksum of an inode.
func (f *FS) inodeChecksum(raw []byte, ino uint64) error {
	if !f.sb.hasChecksums() {
		return nil
	}
	c := crc32cNumber(crc32cNumber(f.sb.seed, uint32(ino)), le.Uint32(raw[0x64:]))
	c = crc32c(crc32c(crc32c(c, raw[:0x7c]), zeros[:2]), raw[0x7e:0x80])
	stored, mask := uint32(le.Uint16(raw[0x7c:])), uint32(0xffff)
	if len(raw) > 128 {
		c = crc32c(c, raw[0x80:0x82])
		if le.Uint16(raw[0x80:]) >= 4 {
			c = crc32c(c, zeros[:2])
			stored, mask = stored|uint32(le.Uint16(raw[0x82:]))<<16, ^uint32(0)
			c = crc32c(c, raw[0x84:])
		} else {
			c = crc32c(c, raw[0x82:])
		}
	}
	if c&mask != stored {
		return corrupt(inodeName(ino), "its checksum is wrong")
	}
	return nil
}
