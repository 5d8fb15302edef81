package bunzip2

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// bzip2's CRC-32 is that of zlib with all bits mirrored. So it is computed as
// zlib's, which hash/crc32 does at memory speed, of mirrored bytes. A sum here
// is as hash/crc32 has it; mirror makes bzip2's of it.

func mirror(sum uint32) uint32 { return bits.Reverse32(sum) }

// mirrorBytes mirrors each byte of p, in place.
func mirrorBytes(p []byte) {
	for len(p) >= 8 {
		x := binary.LittleEndian.Uint64(p)
		x = x>>1&0x5555555555555555 | x&0x5555555555555555<<1
		x = x>>2&0x3333333333333333 | x&0x3333333333333333<<2
		x = x>>4&0x0f0f0f0f0f0f0f0f | x&0x0f0f0f0f0f0f0f0f<<4
		binary.LittleEndian.PutUint64(p, x)
		p = p[8:]
	}
	for i, b := range p {
		p[i] = bits.Reverse8(b)
	}
}

// addBytes adds p to sum. It mirrors p's bytes in place.
func addBytes(sum uint32, p []byte) uint32 {
	mirrorBytes(p)
	return crc32.Update(sum, crc32.IEEETable, p)
}

// addZeros adds n zero bytes to sum, in O(log n): they multiply the register
// by x^(8n).
func addZeros(sum uint32, n int64) uint32 {
	reg := ^sum
	power := uint32(1) << 30 // x
	for e := 8 * uint64(n); e > 0; e >>= 1 {
		if e&1 != 0 {
			reg = multiply(reg, power)
		}
		power = multiply(power, power)
	}
	return ^reg
}

// multiply multiplies two polynomials, the highest bit being x^0, modulo the
// CRC's.
func multiply(a, b uint32) uint32 {
	p := uint32(0)
	for ; a != 0; a <<= 1 {
		if a>>31 != 0 {
			p ^= b
		}
		b = b>>1 ^ crc32.IEEE&-(b&1)
	}
	return p
}
