package ext4

import "fmt"

// Xattr is an extended attribute.
type Xattr struct {
	Name  string // with its prefix, as listxattr gives it
	Value []byte // as getxattr gives it
}

const (
	xattrMagic      = 0xea020000
	xattrEntryBytes = 16
	xattrHeader     = 32 // of a block
	xattrSystem     = 7
	maxXattrValue   = 64 << 10 // XATTR_SIZE_MAX of Linux
	maxXattrs       = 4 << 20  // bytes of all values of an inode
)

// xattrPrefixes are those that the kernel shows, by their number. It hides
// others, such as system.data and the keys of encryption.
var xattrPrefixes = map[uint8]string{
	1: "user.", 2: aclAccess, 3: aclDefault, 4: "trusted.", 6: "security.", 10: "gnu.",
}

// xattrEntry is an attribute as it is stored.
type xattrEntry struct {
	index uint8
	name  string
	value []byte // within a block
	inode uint32 // that holds the value instead; 0: none
	size  uint32
	hash  uint32
}

func fileACL(in *inode) uint64 {
	return uint64(le.Uint32(in.raw[0x68:])) | uint64(le.Uint16(in.raw[0x76:]))<<32
}

// Xattrs returns the extended attributes of an inode, in the order in which
// they are stored. POSIX ACLs are system.posix_acl_access and
// system.posix_acl_default. Values of more than 64 KiB, which Linux does not
// know, and of more than 4 MiB in all, are errors.
func (f *FS) Xattrs(ino uint64) ([]Xattr, error) {
	in, err := f.visible(ino)
	if err != nil {
		return nil, err
	}
	list, err := f.xattrs(in)
	if err != nil {
		return nil, fmt.Errorf("read extended attributes of inode %d: %w", ino, err)
	}
	return list, nil
}

func (f *FS) xattrs(in *inode) ([]Xattr, error) {
	entries, err := f.inodeXattrs(in)
	if err != nil {
		return nil, err
	}
	more, err := f.blockXattrs(in)
	if err != nil {
		return nil, err
	}
	var list []Xattr
	total := 0
	for _, e := range append(entries, more...) {
		prefix, ok := xattrPrefixes[e.index]
		if !ok {
			continue
		}
		x := Xattr{Name: prefix + e.name, Value: e.value}
		if e.inode != 0 {
			if total += int(e.size); total > maxXattrs {
				return nil, corrupt(in.String(), "more than %d bytes of extended attributes",
					maxXattrs)
			}
			if x.Value, err = f.inodeValue(e); err != nil {
				return nil, err
			}
		} else {
			x.Value = append([]byte(nil), e.value...)
		}
		if prefix == aclAccess || prefix == aclDefault {
			if x.Value, err = kernelACL(x.Value); err != nil {
				return nil, err
			}
			x.Name = prefix
		}
		list = append(list, x)
	}
	return list, nil
}

// inodeXattrs returns the attributes that are behind the fields of an inode.
func (f *FS) inodeXattrs(in *inode) ([]xattrEntry, error) {
	if len(in.raw) == 128 {
		return nil, nil
	}
	b := in.raw[128+in.extra:]
	if len(b) < 8 || le.Uint32(b) != xattrMagic {
		return nil, nil
	}
	return parseXattrs(b[4:], b[4:], in.String())
}

// blockXattrs returns the attributes that have a block to themselves.
func (f *FS) blockXattrs(in *inode) ([]xattrEntry, error) {
	number := fileACL(in)
	if number == 0 {
		return nil, nil
	}
	b, err := f.block(number)
	if err != nil {
		return nil, err
	}
	where := blockName(number)
	if le.Uint32(b.data) != xattrMagic || le.Uint32(b.data[8:]) != 1 {
		return nil, corrupt(where, "no extended attributes are there")
	}
	if f.sb.hasChecksums() {
		c := crc32cNumber(crc32cNumber(f.sb.seed, uint32(number)), uint32(number>>32))
		c = crc32c(crc32c(c, b.data[:16]), zeros[:])
		if crc32c(c, b.data[20:]) != le.Uint32(b.data[16:]) {
			return nil, corrupt(where, "the checksum of extended attributes is wrong")
		}
	}
	return parseXattrs(b.data[xattrHeader:], b.data, where)
}

// parseXattrs reads entries. Their values are at offsets in values.
func parseXattrs(b, values []byte, where string) (list []xattrEntry, err error) {
	for {
		if len(b) < 4 {
			return nil, corrupt(where, "the extended attributes have no end")
		}
		if le.Uint32(b) == 0 {
			return list, nil
		}
		nameLen := int(b[0])
		next := (xattrEntryBytes + nameLen + 3) &^ 3
		if next > len(b) {
			return nil, corrupt(where, "the name of an extended attribute is too long")
		}
		e := xattrEntry{
			index: b[1],
			name:  string(b[xattrEntryBytes:][:nameLen]),
			inode: le.Uint32(b[4:]),
			size:  le.Uint32(b[8:]),
			hash:  le.Uint32(b[12:]),
		}
		if e.size > maxXattrValue {
			return nil, corrupt(where, "the value of an extended attribute has %d bytes", e.size)
		}
		if e.inode == 0 {
			off := uint32(le.Uint16(b[2:]))
			if off+e.size > uint32(len(values)) {
				return nil, corrupt(where,
					"the value of an extended attribute is outside of where they are")
			}
			e.value = values[off:][:e.size]
		}
		list = append(list, e)
		b = b[next:]
	}
}

// inodeValue reads the value of an attribute that has an inode to itself.
func (f *FS) inodeValue(e xattrEntry) ([]byte, error) {
	in, err := f.inode(uint64(e.inode))
	if err != nil {
		return nil, err
	}
	if in.flags&flagEAInode == 0 || in.kind() != typeRegular || in.size != int64(e.size) {
		return nil, corrupt(in.String(), "it does not hold the value of an extended attribute")
	}
	file, err := f.contents(in)
	if err != nil {
		return nil, err
	}
	p := make([]byte, e.size)
	if _, err := file.ReadAt(p, 0); err != nil {
		return nil, err
	}
	// The time of access of such an inode is the checksum of what it holds.
	if c := le.Uint32(in.raw[8:]); crc32c(f.sb.seed, p) != c {
		return nil, corrupt(in.String(), "the checksum of an extended attribute is wrong")
	}
	return p, nil
}
