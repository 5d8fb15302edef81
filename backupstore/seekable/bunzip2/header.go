package bunzip2

import (
	"context"
	"math/bits"
)

const (
	blockMagic = 0x314159265359 // BCD of pi: a block starts
	endMagic   = 0x177245385090 // BCD of its square root: the stream ends
	magicBits  = 48

	// levelBytes times the level is the most that a block holds before RLE1
	// is undone; maxBlock is this for level 9.
	levelBytes = 100_000
	maxBlock   = 9 * levelBytes

	groupSymbols = 50 // symbols coded with one selector's tree
	maxTrees     = 6
	maxSymbols   = 258 // RUNA, RUNB, 255 positions, end of block
)

// fault says what is wrong with a block; the decoder makes a
// stream.CorruptError of it.
type fault string

func (f fault) Error() string { return string(f) }

// header is what precedes a block's symbols.
type header struct {
	crc       uint32
	origin    int // row of the sorted matrix that holds the block itself
	used      int // number of byte values in the block
	mtf       [256]byte
	trees     int
	selectors int
	selector  [1 << 15]byte
}

// readHeader reads the header of the block whose magic has just been taken,
// and builds the tables of its trees in s.
func (s *scratch) readHeader(ctx context.Context, r *bitReader) error {
	h := &s.header
	h.crc = uint32(r.take(ctx, 32))
	randomised := r.take(ctx, 1)
	h.origin = int(r.take(ctx, 24))
	h.used = 0
	ranges := r.take(ctx, 16)
	for hi := range 16 {
		if ranges>>(15-hi)&1 == 0 {
			continue
		}
		values := r.take(ctx, 16)
		for lo := range 16 {
			if values>>(15-lo)&1 != 0 {
				h.mtf[h.used] = byte(hi*16 + lo)
				h.used++
			}
		}
	}
	h.trees = int(r.take(ctx, 3))
	h.selectors = int(r.take(ctx, 15))
	switch {
	case r.err != nil:
		return r.err
	case randomised != 0:
		return fault("randomised block (bzip2 0.9.0 or older), which is not supported")
	case h.used == 0:
		return fault("block without symbols")
	case h.trees < 2 || h.trees > maxTrees:
		return fault("bad number of Huffman trees")
	case h.selectors == 0:
		return fault("block without selectors")
	}
	// The selectors are positions in a move-to-front list of the trees, in
	// unary.
	order := [8]byte{0, 1, 2, 3, 4, 5, 6, 7}
	for i := range h.selectors {
		if !r.ready(ctx) {
			return r.err
		}
		k := bits.LeadingZeros64(^r.acc)
		if k >= h.trees {
			return fault("selector of a tree that is not there")
		}
		r.drop(uint(k) + 1)
		t := order[k&7]
		for ; k > 0; k-- {
			order[k&7] = order[(k-1)&7]
		}
		order[0] = t
		h.selector[i] = t
	}
	// The code lengths are coded as differences.
	var lengths [maxSymbols]byte
	for t := range h.trees {
		length := int(r.take(ctx, 5))
		for i := range h.used + 2 {
			for {
				if length < 1 || length > maxCodeBits {
					if r.err != nil {
						return r.err
					}
					return fault("bad Huffman code length")
				}
				if r.take(ctx, 1) == 0 {
					break
				}
				length += 1 - 2*int(r.take(ctx, 1))
			}
			lengths[i] = byte(length)
		}
		if r.err != nil {
			return r.err
		}
		if !s.trees[t].build(lengths[:h.used+2]) {
			return fault("Huffman code lengths that no code has")
		}
	}
	return ctx.Err()
}
