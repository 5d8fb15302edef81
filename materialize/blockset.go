package materialize

import (
	"iter"
	"maps"
	"math/bits"
	"slices"
)

// blockSet is a set of blocks of a volume. It takes a bit for each block, 4 MiB
// for 1 TiB of blocks of 32 KiB, in pages that are allocated when a block is
// added.
type blockSet struct {
	block int64 // bytes
	pages map[int64]*[pageBlocks / 64]uint64
}

const pageBlocks = 1 << 16

// add adds the blocks of [off, off+n).
func (s *blockSet) add(off, n int64) {
	for i := off / s.block; i*s.block < off+n; i++ {
		p := s.pages[i/pageBlocks]
		if p == nil {
			p = new([pageBlocks / 64]uint64)
			s.pages[i/pageBlocks] = p
		}
		p[i%pageBlocks/64] |= 1 << (i % 64)
	}
}

// ranges yields the ranges of the set in order, cut at size. Adjacent blocks
// are joined.
func (s *blockSet) ranges(size int64) iter.Seq[Range] {
	return func(yield func(Range) bool) {
		var r Range // the current range, which may still grow
		for _, k := range slices.Sorted(maps.Keys(s.pages)) {
			for w, word := range s.pages[k] {
				for ; word != 0; word &= word - 1 {
					off := (k*pageBlocks + int64(w*64+bits.TrailingZeros64(word))) * s.block
					n := min(s.block, size-off)
					if r.Off+r.Len != off && r.Len > 0 {
						if !yield(r) {
							return
						}
						r = Range{}
					}
					if r.Len == 0 {
						r.Off = off
					}
					r.Len += n
				}
			}
		}
		if r.Len > 0 {
			yield(r)
		}
	}
}
