package ntfs

import (
	"fmt"
	"io/fs"
)

// Kinds of attributes.
const (
	attrInformation = 0x10
	attrList        = 0x20
	attrName        = 0x30
	attrVolumeName  = 0x60
	attrVolume      = 0x70
	attrData        = 0x80
	attrIndexRoot   = 0x90
	attrIndexBlocks = 0xa0
	attrBitmap      = 0xb0
	attrReparse     = 0xc0
	attrEnd         = 0xffffffff
)

// Flags of an attribute.
const (
	flagCompressed = 0x00ff // the method
	flagEncrypted  = 0x4000
	methodLZNT1    = 1
)

// attribute is an attribute of a file, or a piece of one.
type attribute struct {
	kind     uint32
	id       uint16
	flags    uint16
	name     []byte // UTF-16
	resident bool
	value    []byte // of a resident one its contents, else its list of runs

	vcn, lastVCN uint64 // of this piece
	unit         int64  // bytes that are compressed together, or 0
	reserved     int64  // what it would take without holes
	allocated    int64
	size         int64
	initialized  int64 // what of it was written
}

// attributes calls fn for each attribute of a record until it returns false.
func (r *record) attributes(f *FS, fn func(attribute) bool) error {
	for at := r.first; ; {
		if at+4 > len(r.b) {
			return corrupt(recordName(r.number), "its attributes have no end")
		}
		b := r.b[at:]
		if le.Uint32(b) == attrEnd {
			return nil
		}
		a, length, err := f.parseAttribute(b)
		if err != nil {
			return corrupt(recordName(r.number), "its attribute at byte %d: %v", at, err)
		}
		if !fn(a) {
			return nil
		}
		at += length
	}
}

// parseAttribute reads an attribute at the start of b.
func (f *FS) parseAttribute(b []byte) (a attribute, length int, err error) {
	if len(b) < 24 {
		return a, 0, fmt.Errorf("%d bytes are left for it", len(b))
	}
	if n := le.Uint32(b[4:]); n < 24 || uint64(n) > uint64(len(b)) || n%8 != 0 {
		return a, 0, fmt.Errorf("it has %d bytes", n)
	} else {
		length = int(n)
	}
	b = b[:length]
	a = attribute{
		kind: le.Uint32(b), flags: le.Uint16(b[12:]), id: le.Uint16(b[14:]), resident: b[8] == 0,
	}
	nameBytes, nameAt := 2*int(b[9]), int(le.Uint16(b[10:]))
	if nameBytes > 0 {
		if nameAt+nameBytes > length {
			return a, 0, fmt.Errorf("a name of %d bytes at byte %d", nameBytes, nameAt)
		}
		a.name = b[nameAt:][:nameBytes]
	}
	if a.resident {
		size, at := le.Uint32(b[16:]), int(le.Uint16(b[20:]))
		if at > length || uint64(size) > uint64(length-at) {
			return a, 0, fmt.Errorf("%d bytes at byte %d", size, at)
		}
		a.value = b[at:][:size]
		a.size, a.initialized = int64(size), int64(size)
		return a, length, nil
	}
	return a, length, f.parseNonResident(&a, b)
}

// parseNonResident reads what an attribute says whose contents are elsewhere.
func (f *FS) parseNonResident(a *attribute, b []byte) error {
	if len(b) < 64 {
		return fmt.Errorf("it has %d bytes", len(b))
	}
	a.vcn, a.lastVCN = le.Uint64(b[16:]), le.Uint64(b[24:])
	runsAt := int(le.Uint16(b[32:]))
	if runsAt < 64 || runsAt >= len(b) {
		return fmt.Errorf("its list of runs is at byte %d", runsAt)
	}
	a.value = b[runsAt:]
	if a.vcn > maxClusters || a.lastVCN+1 > maxClusters {
		return fmt.Errorf("it would have the clusters %d to %d", a.vcn, a.lastVCN)
	}
	if a.vcn > 0 {
		return nil // the first piece says the rest for all
	}
	if exponent := b[34]; exponent > 0 {
		if exponent > 20 || f.cluster<<exponent > maxUnit {
			return fmt.Errorf("2^%d clusters are compressed together", exponent)
		}
		a.unit = f.cluster << exponent
	}
	a.allocated, a.size = int64(le.Uint64(b[40:])), int64(le.Uint64(b[48:]))
	a.initialized = int64(le.Uint64(b[56:]))
	if a.size < 0 || a.size > maxBytes || a.initialized < 0 || a.initialized > a.size ||
		a.allocated < 0 || a.allocated > maxBytes {
		return fmt.Errorf("%d bytes, of which %d were written", a.size, a.initialized)
	}
	a.reserved = a.allocated
	if a.unit > 0 && len(b) >= 72 { // what it takes without its holes
		a.allocated = min(max(int64(le.Uint64(b[64:])), 0), a.allocated)
	}
	return nil
}

// inode is a file, by its first record.
type inode struct {
	f *FS
	record
	list []listEntry // nil: all attributes are in the record
}

// listEntry is where an attribute, or a piece of one, is.
type listEntry struct {
	kind   uint32
	name   []byte
	vcn    uint64
	record uint64 // a reference
	id     uint16
}

// inode reads the record of a file, or of a stream of it.
func (f *FS) inode(number uint64) (*inode, error) {
	r, err := f.readRecord(number & recordNumbers)
	if err != nil {
		return nil, err
	}
	if r.base != 0 {
		return nil, corrupt(recordName(r.number), "it only continues another one")
	}
	n := &inode{f: f, record: r}
	return n, n.readList()
}

func (n *inode) isDir() bool { return n.flags&recordDir != 0 }

// readList reads the list of attributes, if there is one.
func (n *inode) readList() error {
	a, ok, err := n.findBase(attrList, "")
	if err != nil || !ok {
		return err
	}
	b, err := n.f.small(a, maxList)
	if err != nil {
		return fmt.Errorf("read the list of attributes of %s: %w", recordName(n.number), err)
	}
	n.list = []listEntry{}
	for len(b) >= 26 {
		length, nameBytes, nameAt := int(le.Uint16(b[4:])), 2*int(b[6]), int(b[7])
		if length < 26 || length > len(b) || nameBytes > 0 && nameAt+nameBytes > length {
			return corrupt(recordName(n.number), "its list has an entry of %d bytes", length)
		}
		e := listEntry{
			kind: le.Uint32(b), vcn: le.Uint64(b[8:]), record: le.Uint64(b[16:]),
			id: le.Uint16(b[24:]),
		}
		if nameBytes > 0 {
			e.name = b[nameAt:][:nameBytes]
		}
		n.list = append(n.list, e)
		b = b[length:]
	}
	return nil
}

// findBase returns the first attribute of a kind and name in the record itself; ok says that
// there is one.
func (n *inode) findBase(kind uint32, name string) (found attribute, ok bool, err error) {
	err = n.attributes(n.f, func(a attribute) bool {
		if ok = a.kind == kind && string(a.name) == name; ok {
			found = a
		}
		return !ok
	})
	return found, ok, err
}

// baseAttribute is findBase, of which the error is fs.ErrNotExist (errors.Is) if there is none.
func (n *inode) baseAttribute(kind uint32, name string) (found attribute, err error) {
	found, ok, err := n.findBase(kind, name)
	if err == nil && !ok {
		err = fmt.Errorf("find the attribute %#x of %s: %w", kind, recordName(n.number),
			fs.ErrNotExist)
	}
	return found, err
}

// entries returns where the pieces of an attribute are, in their order; name is UTF-16.
func (n *inode) entries(kind uint32, name string) (out []listEntry) {
	for _, e := range n.list {
		if e.kind == kind && string(e.name) == name {
			out = append(out, e)
		}
	}
	return out
}

// attribute returns the attribute, or the piece of one, that an entry of the list means.
func (n *inode) attribute(e listEntry) (found attribute, err error) {
	r := n.record
	if e.record&recordNumbers != n.number {
		if r, err = n.f.readRecord(e.record & recordNumbers); err != nil {
			return found, err
		}
		if r.base&recordNumbers != n.number || r.sequence != uint16(e.record>>numberBits) {
			return found, corrupt(recordName(r.number), "it does not continue %s",
				recordName(n.number))
		}
	}
	ok := false
	err = r.attributes(n.f, func(a attribute) bool {
		if ok = a.kind == e.kind && a.id == e.id && string(a.name) == string(e.name) &&
			(a.resident || a.vcn == e.vcn); ok {
			found = a
		}
		return !ok
	})
	if err == nil && !ok {
		err = corrupt(recordName(r.number), "it has no attribute %#x with the number %d",
			e.kind, e.id)
	}
	return found, err
}

// each calls fn for the attributes of a kind, whole or their first pieces, until it returns
// false. It looks at no more than maxNames.
func (n *inode) each(kind uint32, fn func(attribute) bool) error {
	left := maxNames
	if n.list == nil {
		return n.attributes(n.f, func(a attribute) bool {
			left--
			return a.kind != kind || left >= 0 && fn(a)
		})
	}
	for _, e := range n.list {
		if e.kind != kind || e.vcn != 0 {
			continue
		}
		a, err := n.attribute(e)
		if left--; err != nil || left < 0 || !fn(a) {
			return err
		}
	}
	return nil
}

// first returns an attribute of a kind and name, or its first piece. The error is
// fs.ErrNotExist (errors.Is) if there is none.
func (n *inode) first(kind uint32, name string) (attribute, error) {
	if n.list == nil {
		return n.baseAttribute(kind, name)
	}
	for _, e := range n.list {
		if e.kind == kind && e.vcn == 0 && string(e.name) == name {
			return n.attribute(e)
		}
	}
	return attribute{}, fmt.Errorf("find the attribute %#x of %s: %w", kind,
		recordName(n.number), fs.ErrNotExist)
}
