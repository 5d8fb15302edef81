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

// apply returns the inode with the changes of fast commits. What is behind what
// they have, extended attributes, stays.
//
// Where the blocks of a file are is taken from its record if that has all of it:
// then it is as it was. The kernel (ext4_fc_replay_inode) goes by what the disk
// has and the records of ranges even then, so that blocks of a file that had the
// inode before come back in the new one, and those of a file that had been
// inline are lost. A tree of extents with blocks of its own is as old as these
// blocks: it is taken from the disk, with the ranges.
func (fi *fastInode) apply(old []byte) []byte {
	raw := slices.Clone(old)
	copy(raw, fi.raw)
	if fi.wholeMap() {
		return raw
	}
	iblock := raw[40 : 40+mapBytes]
	copy(iblock, old[40:])
	if le.Uint32(old[0x64:]) != le.Uint32(raw[0x64:]) {
		clear(iblock) // of another generation: a file that was deleted, with its blocks
	}
	if le.Uint32(raw[0x20:])&flagExtents != 0 && le.Uint16(iblock) != extentMagic {
		clear(iblock)
		le.PutUint16(iblock, extentMagic)
		le.PutUint16(iblock[4:], mapBytes/extentBytes-1)
	}
	return raw
}

// wholeMap says whether the record of an inode has all of where its blocks are,
// or something else in that place.
func (fi *fastInode) wholeMap() bool {
	flags, kind := le.Uint32(fi.raw[0x20:]), le.Uint16(fi.raw)&typeMask
	switch {
	case flags&flagInline != 0:
		return true
	case flags&flagExtents != 0:
		n, wrong := parseExtents(fi.raw[40:40+mapBytes], 0)
		return wrong == "" && n.len() <= mapBytes/extentBytes-1
	}
	return kind != typeRegular && kind != typeDir
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
