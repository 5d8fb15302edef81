package unzstd

import (
	"encoding/binary"
	"math/bits"
)

// xxhash is XXH64 with seed 0, the content checksum of a frame (RFC 8878,
// 3.1.1; the algorithm: xxhash.com, "XXH64 algorithm description").
type xxhash struct {
	v     [4]uint64
	buf   [32]byte
	n     int // bytes in buf
	total uint64
}

const (
	prime1 uint64 = 11400714785074694791
	prime2 uint64 = 14029467366897019727
	prime3 uint64 = 1609587929392839161
	prime4 uint64 = 9650029242287828579
	prime5 uint64 = 2870177450012600261
)

func (h *xxhash) reset() {
	p1, p2 := prime1, prime2 // variables, for constants may not overflow
	*h = xxhash{v: [4]uint64{p1 + p2, p2, 0, -p1}}
}

func (h *xxhash) write(b []byte) {
	h.total += uint64(len(b))
	if h.n > 0 {
		c := copy(h.buf[h.n:], b)
		b = b[c:]
		if h.n += c; h.n < len(h.buf) {
			return
		}
		h.rounds(h.buf[:])
		h.n = 0
	}
	whole := len(b) &^ 31
	h.rounds(b[:whole])
	h.n = copy(h.buf[:], b[whole:])
}

func (h *xxhash) rounds(b []byte) {
	v0, v1, v2, v3 := h.v[0], h.v[1], h.v[2], h.v[3]
	for ; len(b) >= 32; b = b[32:] {
		v0 = round(v0, binary.LittleEndian.Uint64(b[0:8]))
		v1 = round(v1, binary.LittleEndian.Uint64(b[8:16]))
		v2 = round(v2, binary.LittleEndian.Uint64(b[16:24]))
		v3 = round(v3, binary.LittleEndian.Uint64(b[24:32]))
	}
	h.v = [4]uint64{v0, v1, v2, v3}
}

func round(acc, v uint64) uint64 { return bits.RotateLeft64(acc+v*prime2, 31) * prime1 }

func (h *xxhash) sum() uint64 {
	s := h.v[2] + prime5 // no round was done: the third lane still is the seed
	if h.total >= 32 {
		s = bits.RotateLeft64(h.v[0], 1) + bits.RotateLeft64(h.v[1], 7) + bits.RotateLeft64(h.v[2], 12) + bits.RotateLeft64(h.v[3], 18)
		for _, v := range h.v {
			s = (s^round(0, v))*prime1 + prime4
		}
	}
	s += h.total
	b := h.buf[:h.n]
	for ; len(b) >= 8; b = b[8:] {
		s = bits.RotateLeft64(s^round(0, binary.LittleEndian.Uint64(b)), 27)*prime1 + prime4
	}
	if len(b) >= 4 {
		s = bits.RotateLeft64(s^uint64(binary.LittleEndian.Uint32(b))*prime1, 23)*prime2 + prime3
		b = b[4:]
	}
	for _, c := range b {
		s = bits.RotateLeft64(s^uint64(c)*prime5, 11) * prime1
	}
	s = (s ^ s>>33) * prime2
	s = (s ^ s>>29) * prime3
	return s ^ s>>32
}
