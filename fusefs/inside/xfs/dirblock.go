package xfs

import "bytes"

const (
	namesMagic  = 0x58443244 // "XD2D": names
	singleMagic = 0x58443242 // "XD2B": names, and their hashes behind them
	namesMagic5 = 0x58444433 // "XDD3"
	singleMagc5 = 0x58444233 // "XDB3"

	namesHeader  = 16 // bytes
	namesHeader5 = 64
	freeTag      = 0xffff // in the place of an inode: room for names
)

// names are the entries in a block of a directory.
type names struct {
	b      []byte // the whole block
	begin  int    // of the entries
	end    int
	hashes []byte // behind the end, if the block has them
	where  string
}

// namesBlock reads and checks a block of names.
func (f *FS) namesBlock(in *inode, block uint64, c *cursor) (*names, error) {
	b, at, err := f.dirBlock(in, block, c)
	if err != nil {
		return nil, err
	}
	n := &names{b: b.data, begin: namesHeader, end: len(b.data), where: blockName(at)}
	magic, many, single := be.Uint32(b.data), uint32(namesMagic), uint32(singleMagic)
	if f.sb.v5() {
		n.begin, many, single = namesHeader5, namesMagic5, singleMagc5
	}
	switch magic {
	case many:
	case single:
		count := int64(be.Uint32(b.data[n.end-8:]))
		if count*8 > int64(n.end-8-n.begin) {
			return nil, corrupt(n.where, "the directory of inode %d has %d hashes in one block",
				in.ino,
				count)
		}
		n.end -= 8 + int(count)*8
		n.hashes = b.data[n.end:][:count*8]
	default:
		return nil, corrupt(n.where, "no names of the directory of inode %d are there", in.ino)
	}
	if as := proof(provedNames, in.ino); b.proved.Load() != as {
		if err := f.identify(b, at, dirHeader, in.ino, "a block of names"); err != nil {
			return nil, err
		}
		b.proved.Store(as)
	}
	return n, nil
}

// entry returns the entry at an offset and the offset of the next one. What is
// free has no name.
func (f *FS) entry(n *names, off int, dir uint64) (name []byte, ino uint64, kind uint8, next int,
	err error) {
	b := n.b[off:n.end]
	bad := func(what string) ([]byte, uint64, uint8, int, error) {
		return nil, 0, 0, 0, corrupt(n.where, "an entry of the directory of inode %d %s", dir, what)
	}
	if len(b) < 8 {
		return bad("is cut off")
	}
	if be.Uint16(b) == freeTag {
		size := int(be.Uint16(b[2:]))
		if size < 8 || size&7 != 0 || size > len(b) {
			return bad("has an impossible length")
		}
		return nil, 0, 0, off + size, nil
	}
	if len(b) < 16 {
		return bad("is cut off")
	}
	size := 9 + int(b[8])
	if f.sb.hasFType() {
		size++
	}
	if padded := (size + 2 + 7) &^ 7; padded > len(b) {
		return bad("is cut off")
	} else {
		next = off + padded
	}
	if f.sb.hasFType() && b[size-1] < uint8(len(typesOnDisk)) {
		kind = typesOnDisk[b[size-1]]
	}
	name, ino = b[9:][:b[8]], be.Uint64(b)
	if bad := f.wrongEntry(name, ino, dir); bad != "" {
		return nil, 0, 0, 0, corrupt(n.where, "an entry of the directory of inode %d %s", dir, bad)
	}
	return name, ino, kind, next, nil
}

// wrongEntry says what is wrong with an entry that no file system has.
func (f *FS) wrongEntry(name []byte, ino, dir uint64) string {
	switch {
	case len(name) == 0:
		return "has no name"
	case dots(name):
		return ""
	case bytes.IndexByte(name, '/') >= 0 || bytes.IndexByte(name, 0) >= 0:
		return "has a name with a slash or NUL"
	case ino == 0:
		return "has no inode"
	case ino == dir || ino == f.sb.root:
		return "is a directory above it, or itself"
	}
	return ""
}

// dots says whether a name is "." or "..".
func dots(name []byte) bool { return string(name) == "." || string(name) == ".." }

// eachInBlock calls fn for each entry in a block of a directory. It returns an
// entryError if that fails.
func (f *FS) eachInBlock(in *inode, block uint64, c *cursor, fn eachName) error {
	n, err := f.namesBlock(in, block, c)
	if err != nil {
		return err
	}
	for off := n.begin; off < n.end; {
		name, ino, kind, next, err := f.entry(n, off, in.ino)
		if err != nil {
			return err
		}
		if off = next; name == nil || dots(name) {
			continue
		}
		if err := fn(name, ino, kind); err != nil {
			return &entryError{err}
		}
	}
	return nil
}

// eachShort calls fn for each entry of a directory that is in its inode.
func (f *FS) eachShort(in *inode, fn eachName) error {
	b := in.data.b
	if in.size < int64(len(b)) {
		b = b[:in.size]
	}
	if len(b) < 6 {
		return corrupt(in.String(), "its directory is cut off")
	}
	count, width := int(b[0]), 4
	if b[1] > 0 {
		count, width = max(count, int(b[1])), 8
	}
	extra := 0
	if f.sb.hasFType() {
		extra = 1
	}
	b = b[min(2+width, len(b)):] // behind the inode of its parent
	for range count {
		if len(b) < 3 || len(b) < 3+int(b[0])+extra+width {
			return corrupt(in.String(), "an entry of its directory is cut off")
		}
		name, rest := b[3:][:b[0]], b[3+int(b[0]):]
		kind := uint8(typeUnknown)
		if extra > 0 && rest[0] < uint8(len(typesOnDisk)) {
			kind = typesOnDisk[rest[0]]
		}
		ino := uint64(be.Uint32(rest[extra:]))
		if width == 8 {
			ino = be.Uint64(rest[extra:])
		}
		if bad := f.wrongEntry(name, ino, in.ino); bad != "" {
			return corrupt(in.String(), "an entry of its directory %s", bad)
		}
		if b = rest[extra+width:]; dots(name) {
			continue
		}
		if err := fn(name, ino, kind); err != nil {
			return err
		}
	}
	return nil
}
