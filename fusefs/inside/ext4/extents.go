package ext4

import (
	"fmt"
	"sync/atomic"
)

const (
	extentMagic    = 0xf30a
	extentBytes    = 12 // of a header, an index and an extent
	maxExtentDepth = 5
	maxExtent      = 1 << 15 // blocks; longer ones were never written
)

// extentNode is a node of a tree of extents whose header has been checked.
type extentNode struct {
	entries []byte // extentBytes each
	depth   int    // 0: a leaf
}

func (n extentNode) len() int          { return len(n.entries) / extentBytes }
func (n extentNode) at(i int) []byte   { return n.entries[i*extentBytes:][:extentBytes] }
func (n extentNode) from(i int) uint64 { return uint64(le.Uint32(n.at(i))) }

// child returns the block of the disk that an index leads to.
func (n extentNode) child(i int) uint64 {
	e := n.at(i)
	return uint64(le.Uint32(e[4:])) | uint64(le.Uint16(e[8:]))<<32
}

func (n extentNode) extent(i int) run {
	e := n.at(i)
	r := run{from: n.from(i), disk: uint64(le.Uint32(e[8:])) | uint64(le.Uint16(e[6:]))<<32,
		data: true}
	length := uint64(le.Uint16(e[4:]))
	if length > maxExtent {
		length, r.data, r.disk = length-maxExtent, false, 0
	}
	r.to = r.from + length
	return r
}

// before returns the last entry that begins at a block or before it; -1 if none does.
func (n extentNode) before(block uint64) int {
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

// parseExtents checks the header of a node. depth is what it must be; -1 is any.
func parseExtents(b []byte, depth int) (extentNode, string) {
	entries, most := int(le.Uint16(b[2:])), int(le.Uint16(b[4:]))
	n := extentNode{depth: int(le.Uint16(b[6:]))}
	switch {
	case le.Uint16(b) != extentMagic:
		return n, "no tree of extents is there"
	case entries > most || most > len(b)/extentBytes-1:
		return n, fmt.Sprintf("a node of extents has %d of at most %d entries", entries, most)
	case n.depth > maxExtentDepth || depth >= 0 && n.depth != depth:
		return n, fmt.Sprintf("a node of extents says it is %d above the leaves", n.depth)
	}
	n.entries = b[extentBytes:][:entries*extentBytes]
	return n, ""
}

// checkExtents checks that the entries of a node are in order and in the file system.
func (f *FS) checkExtents(n extentNode, where string) error {
	end := uint64(0)
	for i := range n.len() {
		if n.from(i) < end {
			return corrupt(where, "extents are out of order or overlap")
		}
		if n.depth > 0 {
			end = n.from(i) + 1
			if err := f.inside(n.child(i), 1); err != nil {
				return err
			}
			continue
		}
		r := n.extent(i)
		if end = r.to; end > 1<<32 || r.from == r.to {
			return corrupt(where, "an extent has the blocks %d to %d", r.from, r.to)
		}
		if r.data {
			if err := f.inside(r.disk, int64(r.to-r.from)); err != nil {
				return err
			}
		}
	}
	return nil
}

// leaf is a leaf of extents, with the blocks of the file that it is about.
type leaf struct {
	node     extentNode
	from, to uint64
}

// run returns the run from a block on, which the leaf is about.
func (l *leaf) run(block uint64) run {
	i := l.node.before(block)
	if i >= 0 {
		if r := l.node.extent(i); block < r.to {
			return r.tail(block)
		}
	}
	r := run{from: block, to: l.to}
	if i+1 < l.node.len() {
		r.to = min(r.to, l.node.from(i+1))
	}
	return r
}

// cursor remembers the leaf that was used last.
type cursor struct{ last atomic.Pointer[leaf] }

// extentAt is runAt of a file with extents.
func (f *FS) extentAt(in *inode, block uint64, c *cursor) (run, error) {
	if c != nil {
		if l := c.last.Load(); l != nil && l.from <= block && block < l.to {
			return l.run(block), nil
		}
	}
	l, err := f.extentLeaf(in, block)
	if err != nil {
		return run{}, fmt.Errorf("find block %d of inode %d: %w", block, in.ino, err)
	}
	if c != nil {
		c.last.Store(l)
	}
	return l.run(block), nil
}

// extentLeaf goes down to the leaf that is about a block.
func (f *FS) extentLeaf(in *inode, block uint64) (*leaf, error) {
	n, wrong := parseExtents(in.iblock(), -1)
	if wrong != "" {
		return nil, corrupt(in.String(), "%s", wrong)
	}
	if err := f.checkExtents(n, in.String()); err != nil {
		return nil, err
	}
	l := &leaf{node: n, to: endOfFile}
	for l.node.depth > 0 {
		i := l.node.before(block)
		if i+1 < l.node.len() {
			l.to = min(l.to, l.node.from(i+1))
		}
		if i < 0 { // before the first: a hole
			l.node = extentNode{}
			return l, nil
		}
		l.from = max(l.from, l.node.from(i))
		next, err := f.extentBlock(in, l.node.child(i), l.node.depth-1)
		if err != nil {
			return nil, err
		}
		if next.len() > 0 && (next.from(0) < l.from || next.from(next.len()-1) >= l.to) {
			return nil, corrupt(in.String(), "extents are not where the index says")
		}
		l.node = next
	}
	return l, nil
}

// extentBlock reads a node that has a block to itself.
func (f *FS) extentBlock(in *inode, number uint64, depth int) (extentNode, error) {
	b, err := f.block(number)
	if err != nil {
		return extentNode{}, err
	}
	n, wrong := parseExtents(b.data, depth)
	if wrong != "" {
		return n, corrupt(blockName(number), "%s", wrong)
	}
	as := proof(uint8(provedExtents+depth), in.ino)
	if b.proved.Load() == as {
		return n, nil
	}
	if f.sb.hasChecksums() {
		end := extentBytes + int(le.Uint16(b.data[4:]))*extentBytes
		if end+4 > len(b.data) {
			return n, corrupt(blockName(number), "a node of extents has no room for its checksum")
		}
		if crc32c(in.seed, b.data[:end]) != le.Uint32(b.data[end:]) {
			return n, corrupt(blockName(number),
				"the checksum of these extents of inode %d is wrong", in.ino)
		}
	}
	if err := f.checkExtents(n, blockName(number)); err != nil {
		return n, err
	}
	b.proved.Store(as)
	return n, nil
}
