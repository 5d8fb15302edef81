package xfs

import (
	"fmt"
	"sync/atomic"
)

const (
	extentBytes = 16
	mapMagic    = 0x424d4150 // "BMAP"
	mapMagic5   = 0x424d4133 // "BMA3"

	// maxMapLevels is more than a tree of extents can have: with blocks of 512
	// bytes that are half full and as many extents as an inode can count.
	maxMapLevels = 16
)

// extentNode is a list of extents, or of the keys of what is below, that has
// been checked.
type extentNode struct {
	keys  []byte // size each
	ptrs  []byte // 8 each, unless it is a leaf
	size  int    // of a key: extentBytes in a leaf, else 8
	level int    // 0: a leaf
}

func (n *extentNode) len() int { return len(n.keys) / n.size }

func (n *extentNode) from(i int) uint64 {
	k := be.Uint64(n.keys[i*n.size:])
	if n.level == 0 {
		return k & (1<<63 - 1) >> 9
	}
	return k
}

func (n *extentNode) child(i int) uint64 { return be.Uint64(n.ptrs[i*8:]) }

// extent returns an extent. Its place is as XFS numbers blocks.
func (n *extentNode) extent(i int) run {
	high, low := be.Uint64(n.keys[i*extentBytes:]), be.Uint64(n.keys[i*extentBytes+8:])
	from := high & (1<<63 - 1) >> 9
	return run{from: from, to: from + low&(1<<21-1), disk: high&0x1ff<<43 | low>>21,
		data: high>>63 == 0}
}

// before returns the last entry that begins at a block or before it; -1 if none does.
func (n *extentNode) before(block uint64) int {
	low, high := 0, n.len()
	for low < high {
		if mid := int(uint(low+high) / 2); n.from(mid) <= block {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low - 1
}

// check checks that the entries are in order, from a block on and before another,
// and in the file system.
func (f *FS) checkExtents(n *extentNode, from, to uint64, where string) error {
	end := from
	for i := range n.len() {
		k := n.from(i)
		if k < end || k >= to {
			return corrupt(where, "extents are out of order or overlap")
		}
		if n.level > 0 {
			end = k + 1
			continue // where it leads is checked when it is followed
		}
		r := n.extent(i)
		if end = r.to; r.from == r.to || r.to > endOfFile {
			return corrupt(where, "an extent has the blocks %d to %d", r.from, r.to)
		}
		if _, err := f.linear(r.disk, r.to-r.from); err != nil {
			return err
		}
	}
	return nil
}

// leaf is a list of extents, with the blocks of the file that it is about.
type leaf struct {
	node     *extentNode
	from, to uint64
}

// run returns the run from a block on, which the leaf is about.
func (l *leaf) run(f *FS, block uint64) (run, error) {
	i := l.node.before(block)
	if i >= 0 {
		if r := l.node.extent(i); block < r.to {
			if r.data {
				var err error
				if r.disk, err = f.linear(r.disk, r.to-r.from); err != nil {
					return run{}, err
				}
			}
			return r.tail(block), nil
		}
	}
	r := run{from: block, to: l.to}
	if i+1 < l.node.len() {
		r.to = min(r.to, l.node.from(i+1))
	}
	return r, nil
}

// cursor remembers the leaf that was used last.
type cursor struct{ last atomic.Pointer[leaf] }

// runAt returns the run that begins at a block of a fork. c may be nil.
func (f *FS) runAt(in *inode, k *fork, block uint64, c *cursor) (run, error) {
	if block >= endOfFile {
		return run{}, corrupt(in.String(), "it would have a block %d", block)
	}
	if more := f.pending[in.ino].runs; len(more) > 0 && k == &in.data {
		r, next, ok := more.at(block)
		if !ok {
			r, err := f.storedRun(in, k, block, c)
			r.to = min(r.to, next)
			return r, err
		}
		return r, nil
	}
	return f.storedRun(in, k, block, c)
}

// storedRun is runAt by the extents alone.
func (f *FS) storedRun(in *inode, k *fork, block uint64, c *cursor) (run, error) {
	if c != nil {
		if l := c.last.Load(); l != nil && l.from <= block && block < l.to {
			return l.run(f, block)
		}
	}
	l, err := f.extentLeaf(in, k, block)
	if err != nil {
		return run{}, fmt.Errorf("find block %d of inode %d: %w", block, in.ino, err)
	}
	if c != nil {
		c.last.Store(l)
	}
	return l.run(f, block)
}

// extentLeaf goes down to the extents that are about a block.
func (f *FS) extentLeaf(in *inode, k *fork, block uint64) (*leaf, error) {
	l := &leaf{to: endOfFile}
	switch k.form {
	case formExtents:
		if k.extents > uint64(len(k.b)/extentBytes) {
			return nil, corrupt(in.String(), "it has %d extents, and no room for them", k.extents)
		}
		l.node = &extentNode{keys: k.b[:k.extents*extentBytes], size: extentBytes}
		return l, f.checkExtents(l.node, 0, endOfFile, in.String())
	case formTree:
		var err error
		if l.node, err = f.mapRoot(in, k); err != nil {
			return nil, err
		}
	default:
		return nil, corrupt(in.String(), "its blocks are kept in a form %d", k.form)
	}
	for l.node.level > 0 {
		i := l.node.before(block)
		if i+1 < l.node.len() {
			l.to = min(l.to, l.node.from(i+1))
		}
		if i < 0 { // before the first: a hole
			l.node = &extentNode{size: extentBytes}
			return l, nil
		}
		l.from = max(l.from, l.node.from(i))
		var err error
		if l.node, err = f.mapBlock(in, l.node.child(i), l.node.level-1, l.from, l.to); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// mapRoot returns the root of a tree of extents, which is in the inode.
func (f *FS) mapRoot(in *inode, k *fork) (*extentNode, error) {
	if len(k.b) < 4 {
		return nil, corrupt(in.String(), "it has no room for a tree of extents")
	}
	n := &extentNode{level: int(be.Uint16(k.b)), size: 8}
	count, most := int(be.Uint16(k.b[2:])), (len(k.b)-4)/16
	if n.level < 1 || n.level > maxMapLevels || count > most {
		return nil, corrupt(in.String(),
			"the root of its extents has %d of at most %d entries, and is %d above the leaves",
			count, most, n.level)
	}
	n.keys, n.ptrs = k.b[4:][:count*8], k.b[4+most*8:][:count*8]
	return n, f.checkExtents(n, 0, endOfFile, in.String())
}

// mapBlock reads a block of a tree of extents, which is about some blocks of a file.
func (f *FS) mapBlock(in *inode, number uint64, level int, from, to uint64) (*extentNode, error) {
	at, err := f.linear(number, 1)
	if err != nil {
		return nil, err
	}
	b, err := f.block(at)
	if err != nil {
		return nil, err
	}
	where := blockName(at)
	magic, begin := uint32(mapMagic), 24
	if f.sb.v5() {
		magic, begin = mapMagic5, 72
	}
	count, most := int(be.Uint16(b.data[6:])), (len(b.data)-begin)/16
	if be.Uint32(b.data) != magic || int(be.Uint16(b.data[4:])) != level || count > most {
		return nil, corrupt(where, "no extents of inode %d are there, or not %d above the leaves",
			in.ino, level)
	}
	n := &extentNode{level: level, size: extentBytes, keys: b.data[begin:][:count*extentBytes]}
	if level > 0 {
		n.size, n.keys, n.ptrs = 8, b.data[begin:][:count*8], b.data[begin+most*8:][:count*8]
	}
	if as := proof(uint8(provedExtents+level), in.ino); b.proved.Load() != as {
		if err := f.identify(b, at, mapHeader, in.ino, "a block of extents"); err != nil {
			return nil, err
		}
		if err := f.checkExtents(n, 0, endOfFile, where); err != nil {
			return nil, err
		}
		b.proved.Store(as)
	}
	if count > 0 && (n.from(0) < from || n.from(count-1) >= to) {
		return nil, corrupt(in.String(), "extents are not where the index says")
	}
	return n, nil
}
