package xfs

import "fmt"

// Xattr is an extended attribute.
type Xattr struct {
	Name  string // with its prefix, as listxattr gives it
	Value []byte // as getxattr gives it
}

const (
	attrMagic     = 0xfbee // attributes
	attrMagic5    = 0x3bee
	valueMagic    = 0x5841524d // "XARM": part of a value
	maxXattrValue = 64 << 10   // XATTR_SIZE_MAX of Linux
	maxXattrs     = 4 << 20    // bytes of names and values of an inode
	maxAttrBlocks = 1 << 15    // that one inode has

	attrLocal      = 0x1
	attrRoot       = 0x2
	attrSecure     = 0x4
	attrParent     = 0x8
	attrIncomplete = 0x80
)

// Xattrs returns the extended attributes of an inode, in the order in which
// they are stored. POSIX ACLs are system.posix_acl_access and
// system.posix_acl_default. Values of more than 64 KiB, which Linux does not
// know, and of more than 4 MiB in all, are errors.
func (f *FS) Xattrs(ino uint64) ([]Xattr, error) {
	in, err := f.visible(ino)
	if err != nil {
		return nil, err
	}
	if f.unfinished[ino].attr {
		return nil, fmt.Errorf("read extended attributes of inode %d: %w: they were being changed",
			ino,
			ErrUnsupported)
	}
	x := &xattrs{f: f, in: in}
	if len(in.attr.b) > 0 {
		switch in.attr.form {
		case formLocal:
			err = x.short()
		case formExtents, formTree:
			if in.attr.extents > 0 {
				err = x.leaves()
			}
		case formDevice: // none yet
		default:
			err = corrupt(in.String(), "its attributes are kept in a form %d", in.attr.form)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read extended attributes of inode %d: %w", ino, err)
	}
	return x.list, nil
}

// xattrs collects the attributes of an inode.
type xattrs struct {
	f     *FS
	in    *inode
	at    cursor
	bytes int
	list  []Xattr
}

// add adds an attribute, or none if the kernel hides it.
func (x *xattrs) add(flags uint8, name, value []byte) error {
	if x.bytes += len(name) + len(value) + 32; x.bytes > maxXattrs {
		return corrupt(x.in.String(), "more than %d bytes of extended attributes", maxXattrs)
	}
	a := Xattr{Value: append([]byte{}, value...)}
	switch {
	case flags&attrRoot != 0 && (string(name) == storedAccess || string(name) == storedDefault):
		var err error
		if a.Value, err = kernelACL(value); err != nil {
			return err
		}
		if a.Name = aclAccess; string(name) == storedDefault {
			a.Name = aclDefault
		}
	case flags&attrRoot != 0:
		a.Name = "trusted." + string(name)
	case flags&attrSecure != 0:
		a.Name = "security." + string(name)
	default:
		a.Name = "user." + string(name)
	}
	x.list = append(x.list, a)
	return nil
}

// hidden says whether the kernel shows no attribute with these flags: it was not
// finished, or says in which directory the file is.
func hidden(flags uint8) bool { return flags&(attrIncomplete|attrParent) != 0 }

// short reads attributes that are in the inode.
func (x *xattrs) short() error {
	b := x.in.attr.b
	if len(b) < 4 {
		return corrupt(x.in.String(), "its attributes are cut off")
	}
	count := int(b[2])
	b = b[4:]
	for range count {
		if len(b) < 3 || len(b) < 3+int(b[0])+int(b[1]) {
			return corrupt(x.in.String(), "its attributes are cut off")
		}
		name, value := b[3:][:b[0]], b[3+int(b[0]):][:b[1]]
		if !hidden(b[2]) {
			if err := x.add(b[2], name, value); err != nil {
				return err
			}
		}
		b = b[3+len(name)+len(value):]
	}
	return nil
}

// leaves reads attributes that have blocks to themselves.
func (x *xattrs) leaves() error {
	b, where, err := x.first()
	if err != nil {
		return err
	}
	for range maxAttrBlocks {
		if err := x.leaf(b, where); err != nil {
			return err
		}
		next := be.Uint32(b)
		if next == 0 {
			return nil
		}
		var level int
		if b, where, level, err = x.block(next); err != nil {
			return err
		}
		if level != 0 {
			return corrupt(where, "attributes of inode %d go on in an index", x.in.ino)
		}
	}
	return corrupt(x.in.String(), "its attributes have no end")
}

// first goes down to the first block of attributes.
func (x *xattrs) first() ([]byte, string, error) {
	b, where, level, err := x.block(0)
	for err == nil && level > 0 {
		begin, above := x.header(16, 64), level
		if level > maxTreeLevels || be.Uint16(b[x.header(12, 56):]) == 0 {
			return nil, "", corrupt(where, "an index of attributes of inode %d leads nowhere",
				x.in.ino)
		}
		if b, where, level, err = x.block(be.Uint32(b[begin+4:])); err == nil && level != above-1 {
			return nil, "", corrupt(where,
				"an index of attributes of inode %d is not of the level it should be", x.in.ino)
		}
	}
	return b, where, err
}

// header chooses by the version of the file system.
func (x *xattrs) header(four, five int) int {
	if x.f.sb.v5() {
		return five
	}
	return four
}

// block reads a block of attributes, or of an index of them.
func (x *xattrs) block(number uint32) (data []byte, where string, level int, err error) {
	f := x.f
	r, err := f.runAt(x.in, &x.in.attr, uint64(number), &x.at)
	if err != nil {
		return nil, "", 0, err
	}
	if !r.data {
		return nil, "", 0, corrupt(x.in.String(), "block %d of its attributes is a hole", number)
	}
	b, err := f.block(r.disk)
	if err != nil {
		return nil, "", 0, err
	}
	where = blockName(r.disk)
	switch magic := int(be.Uint16(b.data[8:])); magic {
	case x.header(attrMagic, attrMagic5):
	case x.header(treeMagic, treeMagic5):
		if level = int(be.Uint16(b.data[x.header(14, 58):])); level == 0 {
			return nil, "", 0, corrupt(where,
				"an index of attributes of inode %d is below what it leads to", x.in.ino)
		}
	default:
		return nil, "", 0, corrupt(where, "no attributes of inode %d are there", x.in.ino)
	}
	if as := proof(provedAttrs, x.in.ino); b.proved.Load() != as {
		if err := f.identify(b, r.disk, treeHeader, x.in.ino, "a block of attributes"); err != nil {
			return nil, "", 0, err
		}
		b.proved.Store(as)
	}
	return b.data, where, level, nil
}

// leaf reads the attributes in a block.
func (x *xattrs) leaf(b []byte, where string) error {
	begin := x.header(32, 80)
	count := int(be.Uint16(b[x.header(12, 56):]))
	if begin+count*8 > len(b) {
		return corrupt(where, "%d attributes of inode %d in one block", count, x.in.ino)
	}
	bad := func() error { return corrupt(where, "an attribute of inode %d is cut off", x.in.ino) }
	for i := range count {
		e := b[begin+i*8:]
		flags, at := e[6], int(be.Uint16(e[4:]))
		if hidden(flags) {
			continue
		}
		if at+9 > len(b) && (flags&attrLocal == 0 || at+3 > len(b)) {
			return bad()
		}
		v := b[at:]
		if flags&attrLocal != 0 {
			size, name := int(be.Uint16(v)), int(v[2])
			if 3+name+size > len(v) {
				return bad()
			}
			if err := x.add(flags, v[3:][:name], v[3+name:][:size]); err != nil {
				return err
			}
			continue
		}
		if 9+int(v[8]) > len(v) {
			return bad()
		}
		value, err := x.remote(be.Uint32(v), be.Uint32(v[4:]))
		if err != nil {
			return err
		}
		if err := x.add(flags, v[9:][:v[8]], value); err != nil {
			return err
		}
	}
	return nil
}

// remote reads a value that has blocks to itself.
func (x *xattrs) remote(number, size uint32) ([]byte, error) {
	if size > maxXattrValue {
		return nil, corrupt(x.in.String(), "the value of an extended attribute has %d bytes", size)
	}
	f := x.f
	value := make([]byte, 0, size)
	for block := uint64(number); len(value) < int(size); block++ {
		r, err := f.runAt(x.in, &x.in.attr, block, &x.at)
		if err != nil {
			return nil, err
		}
		if !r.data {
			return nil, corrupt(x.in.String(), "the value of an extended attribute is not there")
		}
		b, err := f.block(r.disk)
		if err != nil {
			return nil, err
		}
		part := b.data
		if f.sb.v5() {
			if be.Uint32(part) != valueMagic {
				return nil, corrupt(blockName(r.disk),
					"no value of an attribute of inode %d is there",
					x.in.ino)
			}
			if err := f.identify(b, r.disk, valueHeader, x.in.ino,
				"the value of an attribute"); err != nil {
				return nil, err
			}
			if int(be.Uint32(part[4:])) != len(value) {
				return nil, corrupt(blockName(r.disk),
					"it has another part of the value of an attribute")
			}
			part = part[valueHeaderBytes:]
		}
		value = append(value, part[:min(len(part), int(size)-len(value))]...)
	}
	return value, nil
}
