package bunzip2

import "encoding/binary"

// finder searches for the magic of blocks at any bit. Wherever the 48 bits
// begin, they cover a whole 16-bit word at an even byte, which then is one of
// sixteen: a bitmap of these is looked up for each word, which runs at memory
// speed. Data may hold the magic by chance (2^-48 a bit) or by malice: a hit is
// a candidate, no more.
type finder struct {
	maybe [1 << 16 / 64]uint64
}

func newFinder() *finder {
	f := new(finder)
	for d := range 16 {
		w := blockMagic >> (32 - d) & 0xffff
		f.maybe[w/64] |= 1 << (w % 64)
	}
	return f
}

func (f *finder) has(w uint64) uint64 { return f.maybe[w>>6&1023] >> (w & 63) }

// find returns the first bit of buf, not before from, at which a magic starts,
// or -1. It looks at starts before bit searched(buf) only.
func (f *finder) find(buf []byte, from int) int {
	end := searched(buf)
	at := (from + 15) / 16 * 2 // byte of the word that a magic at from covers
	for ; at+8 <= len(buf); at += 8 {
		v := binary.BigEndian.Uint64(buf[at:])
		if (f.has(v>>48)|f.has(v>>32&0xffff)|f.has(v>>16&0xffff)|f.has(v&0xffff))&1 == 0 {
			continue
		}
		// A magic that covers one of these words starts up to 15 bits before
		// the word.
		for start := max(from, at*8-15); start < min(end, at*8+49); start++ {
			if binary.BigEndian.Uint64(buf[start/8:])<<(start%8)>>16 == blockMagic {
				return start
			}
		}
	}
	for start := max(from, at*8-15); start < end; start++ {
		if binary.BigEndian.Uint64(buf[start/8:])<<(start%8)>>16 == blockMagic {
			return start
		}
	}
	return -1
}

// searched is the bit of buf from which on find cannot see a whole magic.
func searched(buf []byte) int { return max(0, len(buf)-7) * 8 }
