package ext4

import (
	"cmp"
	"slices"
)

// fastCommits are the changes of fast commits: small logical records behind the
// last full commit of a journal. They are kept per inode and per directory and
// are applied to what is read.
type fastCommits struct {
	inodes map[uint64]*fastInode
	dirs   map[uint64]map[string]nameChanges
}

// fastInode is what fast commits say of one inode.
type fastInode struct {
	raw    []byte // its new bytes; nil if only its blocks change
	ranges fastRanges
	made   bool // it is a directory that they have created
}

func (c *fastCommits) inode(ino uint64) *fastInode { return c.inodes[ino] }

func (in *inode) madeByFastCommit() bool { return in.fast != nil && in.fast.made }

// apply returns the inode with the changes of fast commits. What it says of
// where its blocks are stays, as in the kernel (ext4_fc_replay_inode): records
// of ranges tell that.
func (fi *fastInode) apply(old []byte) []byte {
	raw := slices.Clone(old) // extended attributes, behind what the record has, stay
	copy(raw, fi.raw)
	switch flags := le.Uint32(raw[0x20:]); {
	case flags&flagExtents != 0:
		copy(raw[40:40+mapBytes], old[40:])
		if le.Uint16(raw[40:]) != extentMagic {
			clear(raw[40 : 40+mapBytes])
			le.PutUint16(raw[40:], extentMagic)
			le.PutUint16(raw[44:], mapBytes/extentBytes-1)
		}
	case flags&flagInline == 0 && !fi.keepsMap(raw):
		copy(raw[40:40+mapBytes], old[40:])
	}
	return raw
}

// keepsMap says whether an inode has something else than a map of blocks in its place.
func (fi *fastInode) keepsMap(raw []byte) bool {
	k := le.Uint16(raw) & typeMask
	return k != typeRegular && k != typeDir
}

// fastRanges are the blocks of a file that fast commits put elsewhere, in order.
type fastRanges []run

// at returns the run from a block on, if a range is about it.
func (rs fastRanges) at(block uint64) (run, bool) {
	i, _ := rs.find(block)
	if i < len(rs) && rs[i].from <= block {
		return rs[i].tail(block), true
	}
	return run{}, false
}

// next returns the first block from one on that a range is about.
func (rs fastRanges) next(block uint64) uint64 {
	i, _ := rs.find(block)
	if i == len(rs) {
		return endOfFile
	}
	return rs[i].from
}

// find returns the first range that ends behind a block.
func (rs fastRanges) find(block uint64) (int, bool) {
	return slices.BinarySearchFunc(rs, block, func(r run, b uint64) int {
		if r.to <= b {
			return -1
		}
		return 1
	})
}

// newRanges puts ranges over each other, the last on top.
func newRanges(all []run) (out fastRanges) {
	var edges []uint64
	for _, r := range all {
		edges = append(edges, r.from, r.to)
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	// free[i] leads to the first piece from i on, between two edges, that none has yet.
	free := make([]int, len(edges)+1)
	for i := range free {
		free[i] = i
	}
	next := func(i int) int {
		for free[i] != i {
			free[i] = free[free[i]]
			i = free[i]
		}
		return i
	}
	for _, r := range slices.Backward(all) {
		i, _ := slices.BinarySearch(edges, r.from)
		for i = next(i); i < len(edges) && edges[i] < r.to; i = next(i) {
			piece := r.tail(edges[i])
			piece.to = edges[i+1]
			out = append(out, piece)
			free[i] = i + 1
		}
	}
	slices.SortFunc(out, func(a, b run) int { return cmp.Compare(a.from, b.from) })
	return out
}

// A nameChange adds a name to a directory, or takes it away.
type nameChange struct {
	ino uint32
	add bool
}

// nameChanges are the changes of one name, in order.
type nameChanges []nameChange

// apply returns the inode of the name if the disk has at for it; 0 is none. As
// in the kernel a name that is there is not replaced, and one that is another
// inode's by now is not removed.
func (cs nameChanges) apply(at uint32) uint32 {
	for _, c := range cs {
		if c.add && at == 0 {
			at = c.ino
		} else if !c.add && at == c.ino {
			at = 0
		}
	}
	return at
}

// dirChanges are those of one directory, for one walk over it.
type dirChanges struct {
	changes map[string]nameChanges
	seen    map[string]bool
}

func (c *fastCommits) names(dir uint64) *dirChanges { return &dirChanges{changes: c.dirs[dir]} }

func (d *dirChanges) see(name string) {
	if d.seen == nil {
		d.seen = map[string]bool{}
	}
	d.seen[name] = true
}

// unseen calls fn for each name that the walk has not seen.
func (d *dirChanges) unseen(fn func(name string, at uint32) error) error {
	var names []string
	for name := range d.changes {
		if !d.seen[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if at := d.changes[name].apply(0); at != 0 {
			if err := fn(name, at); err != nil {
				return err
			}
		}
	}
	return nil
}
