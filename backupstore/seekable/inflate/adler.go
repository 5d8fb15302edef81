package inflate

import "encoding/binary"

const (
	adlerMod = 65521
	// adlerWords is how many words of 8 bytes fit lanes of 16 bits:
	// 255*(n*(n+1)/2) < 1<<16.
	adlerWords = 22
)

// adler is the checksum of RFC 1950, section 8.2; the zero value is that of no
// bytes but for the 1 that a starts with.
type adler struct{ a, b uint32 }

func (s adler) sum() uint32 { return s.b<<16 | s.a }

// add updates the sum with p. It adds 8 bytes at a time in lanes of 16 bits,
// several times as fast as hash/adler32.
func (s *adler) add(p []byte) {
	const low = 0x00ff00ff00ff00ff
	a, b := uint64(s.a), uint64(s.b)
	for len(p) >= 8*adlerWords {
		block := p[:8*adlerWords]
		p = p[8*adlerWords:]
		// even and odd: sums of the bytes of each lane; evenSum and oddSum:
		// sums of the former before each word.
		var even, odd, evenSum, oddSum uint64
		for len(block) >= 8 {
			w := binary.LittleEndian.Uint64(block)
			block = block[8:]
			evenSum += even
			oddSum += odd
			even += w & low
			odd += w >> 8 & low
		}
		b += a * (8 * adlerWords)
		b += 8 * (lanes(evenSum) + lanes(oddSum))
		// Within its word, byte i counts 8-i times.
		b += 8*(even&0xffff) + 6*(even>>16&0xffff) + 4*(even>>32&0xffff) + 2*(even>>48)
		b += 7*(odd&0xffff) + 5*(odd>>16&0xffff) + 3*(odd>>32&0xffff) + odd>>48
		a += lanes(even) + lanes(odd)
		a %= adlerMod
		b %= adlerMod
	}
	for _, v := range p {
		a += uint64(v)
		b += a
	}
	s.a, s.b = uint32(a%adlerMod), uint32(b%adlerMod)
}

// lanes adds up four lanes of 16 bits.
func lanes(v uint64) uint64 {
	return v&0xffff + v>>16&0xffff + v>>32&0xffff + v>>48
}
