package btrfs

import (
	"errors"
	"sort"
)

// Kinds of items, and objects, that are looked for.
const (
	kindInode    = 1
	kindXattr    = 24
	kindDirItem  = 84
	kindDirIndex = 96
	kindExtent   = 108
	kindChecksum = 128
	kindRoot     = 132
	kindRootRef  = 156
	kindChunk    = 228

	checksumTree   = 7
	topLevel       = 5
	firstObject    = 256
	chunkObject    = 256
	checksumObject = ^uint64(10) + 1 // -10
	maxOffset      = ^uint64(0)
)

// item is an item of a tree. Its data must not be changed.
type item struct {
	key
	data []byte
}

// cursor is a place in a tree.
type cursor struct {
	f     *FS
	nodes [maxLevel]*node // by level
	slots [maxLevel]int
	top   uint8
}

// seek goes to the first item that is not before a key; ok is false behind the last one.
func (f *FS) seek(root pointer, k key) (c *cursor, ok bool, err error) {
	if root.level >= maxLevel {
		return nil, false, corrupt("a tree", "it has %d levels", root.level)
	}
	c = &cursor{f: f, top: root.level}
	p := root
	for level := int(root.level); ; level-- {
		n, err := f.node(p)
		if err != nil {
			return nil, false, err
		}
		if err := c.checkChild(level, n); err != nil {
			return nil, false, err
		}
		i := sort.Search(n.count, func(i int) bool { return n.key(i).compare(k) > 0 })
		if level > 0 || i > 0 && n.key(i-1) == k {
			i = max(i-1, 0) // the one that k is in
		}
		c.nodes[level], c.slots[level] = n, i
		if level == 0 {
			break
		}
		p = n.pointer(i)
	}
	ok, err = c.settle()
	return c, ok, err
}

// checkChild checks that a node begins with the key by which its parent knows it.
func (c *cursor) checkChild(level int, n *node) error {
	if level == int(c.top) {
		return nil
	}
	up := c.nodes[level+1]
	if n.count == 0 || n.key(0) != up.key(c.slots[level+1]) {
		return corrupt("a tree", "a block begins with another key than its parent says")
	}
	if next := c.slots[level+1] + 1; next < up.count &&
		n.key(n.count-1).compare(up.key(next)) >= 0 {
		return corrupt("a tree", "a block goes on behind the begin of the next one")
	}
	return nil
}

// next goes to the next item; ok is false behind the last one.
func (c *cursor) next() (ok bool, err error) {
	c.slots[0]++
	return c.settle()
}

// settle goes to the next leaf if the place is behind the end of one.
func (c *cursor) settle() (ok bool, err error) {
	if c.slots[0] < c.nodes[0].count {
		return true, nil
	}
	leaf, level := c.nodes[0], 1
	for ; level <= int(c.top); level++ {
		if c.slots[level]++; c.slots[level] < c.nodes[level].count {
			break
		}
	}
	if level > int(c.top) {
		return false, nil
	}
	for ; level > 0; level-- {
		n, err := c.f.node(c.nodes[level].pointer(c.slots[level]))
		if err != nil {
			return false, err
		}
		if err := c.checkChild(level-1, n); err != nil {
			return false, err
		}
		c.nodes[level-1], c.slots[level-1] = n, 0
	}
	// Else few blocks that point to each other would be a walk without an end.
	if leaf.count > 0 && leaf.key(leaf.count-1).compare(c.nodes[0].key(0)) >= 0 {
		return false, corrupt("a tree", "a block begins before the end of the one before it")
	}
	return true, nil
}

// item returns the item at the place.
func (c *cursor) item() item {
	n, i := c.nodes[0], c.slots[0]
	return item{n.key(i), n.data(i)}
}

// walk calls fn for the items of a tree from a key on until it returns false or an error.
func (f *FS) walk(root pointer, from key, fn func(item) (more bool, err error)) error {
	c, ok, err := f.seek(root, from)
	for ; ok && err == nil; ok, err = c.next() {
		more, err := fn(c.item())
		if err != nil || !more {
			return err
		}
	}
	return err
}

var errNoItem = errors.New("there is no such item")

// find returns the item of a key; the error is errNoItem if there is none.
func (f *FS) find(root pointer, k key) (item, error) {
	c, ok, err := f.seek(root, k)
	if err != nil {
		return item{}, err
	}
	if !ok || c.item().key != k {
		return item{}, errNoItem
	}
	return c.item(), nil
}

// before returns the last item that is not behind a key; the error is errNoItem if there
// is none.
func (f *FS) before(root pointer, k key) (item, error) {
	if root.level >= maxLevel {
		return item{}, corrupt("a tree", "it has %d levels", root.level)
	}
	c := &cursor{f: f, top: root.level}
	p := root
	for level := int(root.level); ; level-- {
		n, err := f.node(p)
		if err != nil {
			return item{}, err
		}
		if err := c.checkChild(level, n); err != nil {
			return item{}, err
		}
		i := sort.Search(n.count, func(i int) bool { return n.key(i).compare(k) > 0 }) - 1
		if i < 0 {
			return item{}, errNoItem
		}
		c.nodes[level], c.slots[level] = n, i
		if level == 0 {
			return c.item(), nil
		}
		p = n.pointer(i)
	}
}
