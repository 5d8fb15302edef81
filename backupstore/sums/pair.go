package sums

import (
	"crypto/sha256"
	"encoding/binary"
)

// blockBytes is what SHA-256 takes at a time.
const blockBytes = 64

// initial is the state of SHA-256 before the first block, FIPS 180-4, 5.3.3.
var initial = [8]uint32{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
	0x1f83d9ab, 0x5be0cd19}

// Pair returns the SHA-256 digests of p and of q. It is quicker than one after the other if both
// have the same length, and the processor has instructions for SHA-256.
func Pair(p, q []byte) (a, b [sha256.Size]byte) {
	if !hasBlocks2 || len(p) != len(q) {
		return sha256.Sum256(p), sha256.Sum256(q)
	}
	x, y := initial, initial
	n := len(p) / blockBytes
	if n > 0 {
		blocks2(&x, &y, &p[0], &q[0], n)
	}
	// What is left, a bit, zeros, and the number of bits: one block or two, as many for both.
	var ends [2][2 * blockBytes]byte
	rest := len(p) - n*blockBytes
	size := blockBytes
	if rest >= blockBytes-8 {
		size = 2 * blockBytes
	}
	for i, tail := range [2][]byte{p[n*blockBytes:], q[n*blockBytes:]} {
		copy(ends[i][:], tail)
		ends[i][rest] = 0x80
		binary.BigEndian.PutUint64(ends[i][size-8:], 8*uint64(len(p)))
	}
	blocks2(&x, &y, &ends[0][0], &ends[1][0], size/blockBytes)
	return bytesOf(&x), bytesOf(&y)
}

func bytesOf(state *[8]uint32) (sum [sha256.Size]byte) {
	for i, w := range state {
		binary.BigEndian.PutUint32(sum[4*i:], w)
	}
	return sum
}
