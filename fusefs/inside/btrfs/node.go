package btrfs

import "cmp"

// key is what items and nodes are sorted by.
type key struct {
	object uint64
	kind   uint8
	offset uint64
}

const (
	keyBytes     = 17
	nodeHead     = 101
	pointerBytes = 33 // in a node: a key, an address, a generation
	itemBytes    = 25 // in a leaf: a key, an offset, a size
)

func parseKey(b []byte) key { return key{le.Uint64(b), b[8], le.Uint64(b[9:])} }

func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(k.object, o.object), cmp.Compare(k.kind, o.kind),
		cmp.Compare(k.offset, o.offset))
}

// node is a block of a tree, checked.
type node struct {
	b     []byte
	level uint8
	count int
}

// key returns the key of a pointer or an item.
func (n *node) key(i int) key {
	if n.level > 0 {
		return parseKey(n.b[nodeHead+pointerBytes*i:])
	}
	return parseKey(n.b[nodeHead+itemBytes*i:])
}

// pointer returns a pointer of a node.
func (n *node) pointer(i int) pointer {
	b := n.b[nodeHead+pointerBytes*i:]
	return pointer{le.Uint64(b[17:]), le.Uint64(b[25:]), n.level - 1}
}

// data returns the data of an item of a leaf.
func (n *node) data(i int) []byte {
	b := n.b[nodeHead+itemBytes*i:]
	at, size := int(le.Uint32(b[17:])), int(le.Uint32(b[21:]))
	return n.b[nodeHead+at:][:size]
}

// parseNode checks a block of a tree.
func (f *FS) parseNode(b []byte, p pointer) (*node, error) {
	const where = "a block of a tree"
	if !f.checksum.right(b, b[32:]) {
		return nil, corrupt(where, "%v", errChecksum)
	}
	n := &node{b: b, level: b[100], count: int(le.Uint32(b[96:]))}
	switch {
	case [16]byte(b[32:]) != f.fsid:
		return nil, corrupt(where, "it belongs to another file system")
	case le.Uint64(b[48:]) != p.logical:
		return nil, corrupt(where, "it says that it has the address %d", le.Uint64(b[48:]))
	case le.Uint64(b[80:]) != p.generation:
		return nil, corrupt(where, "it is of the generation %d, not %d", le.Uint64(b[80:]),
			p.generation)
	case n.level != p.level || n.level >= maxLevel:
		return nil, corrupt(where, "it is of the level %d, not %d", n.level, p.level)
	}
	each := itemBytes
	if n.level > 0 {
		each = pointerBytes
	}
	if n.count > (len(b)-nodeHead)/each || n.level > 0 && n.count == 0 {
		return nil, corrupt(where, "it has %d entries", n.count)
	}
	for i := range n.count {
		if i > 0 && n.key(i-1).compare(n.key(i)) >= 0 {
			return nil, corrupt(where, "its keys do not ascend")
		}
		if n.level == 0 {
			it := b[nodeHead+itemBytes*i:]
			at, size := uint64(le.Uint32(it[17:])), uint64(le.Uint32(it[21:]))
			if at+size > uint64(len(b)-nodeHead) {
				return nil, corrupt(where, "an item of %d bytes at byte %d", size, at)
			}
		}
	}
	return n, nil
}

// cached is a block of a tree in the cache.
type cached struct {
	logical uint64
	node    *node
}

// node reads a block of a tree, or takes it from the cache. It must not be changed.
func (f *FS) node(p pointer) (*node, error) {
	place := &f.cache[p.logical/uint64(f.super.node)%uint64(len(f.cache))]
	f.mu.Lock()
	c := *place
	f.mu.Unlock()
	if c.node != nil && c.logical == p.logical && c.node.level == p.level &&
		le.Uint64(c.node.b[80:]) == p.generation {
		return c.node, nil
	}
	b := make([]byte, f.super.node)
	var n *node
	err := f.readLogical(b, p.logical, func(b []byte) (err error) {
		n, err = f.parseNode(b, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	*place = cached{p.logical, n}
	f.mu.Unlock()
	return n, nil
}
