package ext4

import "bytes"

const (
	direntBytes = 8  // of an entry before its name
	direntTail  = 12 // at the end of a block with checksum
	tailType    = 0xde
)

// eachInBlock calls fn for each entry in a block of a directory. It returns an
// entryError if that fails.
func (f *FS) eachInBlock(in *inode, disk, block uint64,
	fn func([]byte, uint32, uint8) error) error {
	b, err := f.directoryBlock(in, disk, block)
	if err != nil {
		return err
	}
	return f.entries(b, blockName(disk), in, fn)
}

// directoryBlock reads a block of a directory and checks its checksum.
func (f *FS) directoryBlock(in *inode, disk, block uint64) ([]byte, error) {
	b, err := f.block(disk)
	if err != nil {
		return nil, err
	}
	as := proof(provedDirectory, in.ino)
	if !f.sb.hasChecksums() || b.proved.Load() == as {
		return b.data, nil
	}
	if in.flags&flagIndex != 0 && f.isIndex(b.data, block) {
		if err := f.checkIndex(in, b.data, block, disk); err != nil {
			return nil, err
		}
	} else {
		tail := b.data[len(b.data)-direntTail:]
		if le.Uint32(tail) != 0 || le.Uint16(tail[4:]) != direntTail || tail[6] != 0 ||
			tail[7] != tailType {
			return nil, corrupt(blockName(disk),
				"a block of the directory of inode %d has no checksum", in.ino)
		}
		if crc32c(in.seed, b.data[:len(b.data)-direntTail]) != le.Uint32(tail[8:]) {
			return nil, corrupt(blockName(disk),
				"the checksum of a block of the directory of inode %d is wrong", in.ino)
		}
	}
	b.proved.Store(as)
	return b.data, nil
}

// recordBytes returns the length of an entry. In 64 KiB blocks it may be larger
// than its field holds.
func (f *FS) recordBytes(b []byte) int {
	n := int(le.Uint16(b[4:]))
	if f.bs == 1<<16 && (n == 0 || n == 0xffff) {
		return 1 << 16
	}
	return n
}

// entries calls fn for each entry in b, which is a block or inline.
func (f *FS) entries(b []byte, where string, in *inode,
	fn func([]byte, uint32, uint8) error) error {
	for len(b) >= direntBytes {
		n, nameLen := f.recordBytes(b), int(b[6])
		if n < direntBytes+4 || n&3 != 0 || n > len(b) || nameLen+direntBytes > n {
			return corrupt(where, "an entry of the directory of inode %d has a length of %d",
				in.ino, n)
		}
		ino, name := le.Uint32(b), b[direntBytes:][:nameLen]
		kind := uint8(typeUnknown)
		if f.sb.incompat&incompatFiletype != 0 && b[7]&7 == b[7] {
			kind = typesOnDisk[b[7]]
		}
		b = b[n:]
		if ino == 0 || string(name) == "." || string(name) == ".." {
			continue
		}
		if bad := wrongEntry(name, ino, in.ino); bad != "" {
			return corrupt(where, "an entry of the directory of inode %d %s", in.ino, bad)
		}
		if err := fn(name, ino, kind); err != nil {
			return &entryError{err}
		}
	}
	return nil
}

// wrongEntry says what is wrong with an entry that no file system has.
func wrongEntry(name []byte, ino uint32, dir uint64) string {
	switch {
	case len(name) == 0:
		return "has no name"
	case bytes.IndexByte(name, '/') >= 0 || bytes.IndexByte(name, 0) >= 0:
		return "has a name with a slash or NUL"
	case uint64(ino) == dir || ino == rootInode:
		return "is a directory above it, or itself"
	}
	return ""
}

// eachInline calls fn for each entry of a directory that is in its inode:
// behind the number of its parent, and in the extended attribute.
func (f *FS) eachInline(in *inode, fn func([]byte, uint32, uint8) error) error {
	data, err := f.inlineData(in)
	if err != nil {
		return err
	}
	for _, part := range [][]byte{data[4:mapBytes], data[mapBytes:]} {
		err := f.entries(part, in.String(), in, fn)
		if e, mine := err.(*entryError); mine {
			return e.err
		} else if err != nil {
			return err
		}
	}
	return nil
}
