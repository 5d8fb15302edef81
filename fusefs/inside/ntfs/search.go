package ntfs

import (
	"errors"
	"fmt"
)

// errStop ends a walk over entries.
var errStop = errors.New("stop")

// search looks for a name in the index of a directory, which is a tree: few blocks are read.
type search struct {
	n        *inode
	up       *upcase
	capitals []uint16 // of the name

	blocks *stream // nil: the root is all of it
	size   int64   // of a block
	left   int     // blocks that may still be read
	found  []entry // which differ in no more than case
}

// search returns the entries of a directory whose names are a name but for small and capital
// letters. The error says that the tree is not in order: the name can be there in spite of that.
func (n *inode) search(name []uint16, up *upcase) ([]entry, error) {
	s := &search{n: n, up: up, capitals: name, left: maxSearched}
	root, size, err := n.indexRoot()
	if err != nil {
		return nil, err
	}
	s.size = size
	if s.blocks, err = n.indexBlocks(size); err != nil && !isNotExist(err) {
		return nil, err
	}
	err = s.node(root, indexOf(n))
	return s.found, err
}

// node searches a node of the tree and what is below it.
func (s *search) node(b []byte, where string) error {
	return ended(nodeEntries(b, where, func(e nodeEntry) error {
		order := -1
		if e.name != nil {
			order = s.up.compare(s.capitals, e.wide())
		}
		if order > 0 {
			return nil
		}
		if number, ok := e.child(); ok {
			if err := s.below(number); err != nil {
				return err
			}
		}
		if order < 0 {
			return errStop
		}
		if !e.short() {
			s.found = append(s.found, e.entry())
		}
		return nil
	}))
}

// ended returns an error, unless it is the one that ends a walk.
func ended(err error) error {
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// below searches the block of a number and what is below it.
func (s *search) below(number uint64) error {
	where := fmt.Sprintf("the block with the number %d of %s", number, indexOf(s.n))
	if s.left--; s.left < 0 {
		return corrupt(where, "a name leads to more than %d blocks", maxSearched)
	}
	if s.blocks == nil || number > maxClusters {
		return corrupt(where, "it has none")
	}
	unit := s.n.f.cluster
	if s.size < unit {
		unit = sectorBytes
	}
	off := int64(number) * unit
	if s.size < s.n.f.cluster && off%s.size != 0 { // it counts other sectors, see isBlockAt
		off = int64(number) * s.n.f.sector
	}
	b := make([]byte, s.size)
	if err := s.n.indexBlock(s.blocks, b, off, where); err != nil {
		return err
	}
	return s.node(b[nodeAt:], where)
}
