package pagefile

import "math/bits"

// NextSet returns the first set bit of [from, end), end if there is none.
func NextSet(words *Words, from, end int) int { return next(words, from, end, 0) }

// NextClear returns the first clear bit of [from, end), end if there is none.
func NextClear(words *Words, from, end int) int {
	return next(words, from, end, ^uint64(0))
}

func next(words *Words, from, end int, flip uint64) int {
	for from < end {
		if w := (words[from/64] ^ flip) >> (from % 64); w != 0 {
			return min(end, from+bits.TrailingZeros64(w))
		}
		from += 64 - from%64
	}
	return end
}

// SetRange sets the bits [from, end) and tells whether a bit was clear.
func SetRange(words *Words, from, end int) (changed bool) {
	for from < end {
		n := min(end-from, 64-from%64)
		mask := ^uint64(0) >> (64 - n) << (from % 64)
		changed = changed || words[from/64]&mask != mask
		words[from/64] |= mask
		from += n
	}
	return changed
}

// Count returns how many bits are set.
func Count(words *Words) (n int64) {
	for _, w := range words {
		n += int64(bits.OnesCount64(w))
	}
	return n
}
