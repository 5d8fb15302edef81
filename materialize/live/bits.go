package live

import (
	"math/bits"

	"github.com/restorefs/restorefs/fusefs/overlay/pagefile"
)

// A page of the map has two bits for each block, side by side.
const (
	validBit = 0x5555555555555555 // the device holds the block
	guestBit = validBit << 1      // it does because the guest wrote it, or may have

	wordBlocks = 32 // of a word
	pageBlocks = pagefile.PageBits / 2
)

// next returns the first block of [from, end) whose bit in mask is set, or clear, end if there is
// none.
func next(words *pagefile.Words, from, end int, mask uint64, set bool) int {
	for from < end {
		w := words[from/wordBlocks]
		if !set {
			w = ^w
		}
		if w = w & mask >> (2 * (from % wordBlocks)); w != 0 {
			return min(end, from+bits.TrailingZeros64(w)/2)
		}
		from += wordBlocks - from%wordBlocks
	}
	return end
}

// mark sets the bits in mask of the blocks [from, end) and tells whether one was clear.
func mark(words *pagefile.Words, from, end int, mask uint64) (changed bool) {
	for from < end {
		n := min(end-from, wordBlocks-from%wordBlocks)
		m := mask & (^uint64(0) >> (64 - 2*n) << (2 * (from % wordBlocks)))
		changed = changed || words[from/wordBlocks]&m != m
		words[from/wordBlocks] |= m
		from += n
	}
	return changed
}

// countIn returns how many of the blocks [from, end) have their bit in mask set.
func countIn(words *pagefile.Words, from, end int, mask uint64) (n int64) {
	for from < end {
		k := min(end-from, wordBlocks-from%wordBlocks)
		m := mask & (^uint64(0) >> (64 - 2*k) << (2 * (from % wordBlocks)))
		n += int64(bits.OnesCount64(words[from/wordBlocks] & m))
		from += k
	}
	return n
}
