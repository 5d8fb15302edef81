//go:build !purego

package luks

import (
	"encoding/binary"
	"math/bits"

	"golang.org/x/sys/cpu"
)

var hasAES = cpu.X86.HasAES && cpu.X86.HasSSE2

// xtsSectors decrypts sectors in place, which have blocks of 16 bytes each, a multiple of 8. keys
// are those of fastXTS. number is that of the first sector, and each next one's is greater by step.
//
//go:noescape
func xtsSectors(p *byte, sectors, blocks int, keys *byte, rounds int, number, step uint64)

// subWord is SubWord of FIPS 197.
func subWord(w uint32) uint32

// invMixColumns is InvMixColumns of FIPS 197.
//
//go:noescape
func invMixColumns(dst, src *byte)

// scheduleBytes is the room for the round keys of AES-256.
const scheduleBytes = 15 * 16

// fastXTS is AES by XTS with the instructions of the processor, eight blocks at a time.
type fastXTS struct {
	keys   *Secret // round keys for decryption, then those that encrypt the numbers of sectors
	rounds int
	iv     vector
}

func newFastXTS(key []byte, iv vector) (decrypter, error) {
	keys, err := NewSecret(2 * scheduleBytes)
	if err != nil {
		return nil, err
	}
	x := &fastXTS{keys: keys, rounds: len(key)/2/4 + 6, iv: iv}
	k := keys.Bytes()
	forward := make([]byte, scheduleBytes)
	defer clear(forward)
	expand(forward, key[:len(key)/2])
	for i := range x.rounds + 1 {
		from, to := forward[(x.rounds-i)*16:], k[i*16:(i+1)*16]
		if i == 0 || i == x.rounds {
			copy(to, from[:16])
		} else {
			invMixColumns(&to[0], &from[0])
		}
	}
	expand(k[scheduleBytes:], key[len(key)/2:])
	return x, nil
}

// expand writes the round keys of a key of 16, 24 or 32 bytes: KeyExpansion of FIPS 197, with words
// in little-endian order.
func expand(out, key []byte) {
	n := len(key) / 4
	copy(out, key)
	rcon := uint32(1)
	for i := n; i < 4*(n+7); i++ {
		w := binary.LittleEndian.Uint32(out[4*(i-1):])
		switch {
		case i%n == 0:
			w = bits.RotateLeft32(subWord(w), -8) ^ rcon
			if rcon <<= 1; rcon > 0xff {
				rcon ^= 0x11b
			}
		case n > 6 && i%n == 4:
			w = subWord(w)
		}
		binary.LittleEndian.PutUint32(out[4*i:], w^binary.LittleEndian.Uint32(out[4*(i-n):]))
	}
}

func (x *fastXTS) close() { x.keys.Close() }

func (x *fastXTS) decrypt(p []byte, size int, first uint64) {
	keys := &x.keys.Bytes()[0]
	step := uint64(size / sector)
	count := len(p) / size
	if x.iv == plain32 {
		for i := range count { // the numbers begin anew at 2 TiB
			xtsSectors(&p[i*size], 1, size/16, keys, x.rounds, x.iv.number(first), step)
			first += step
		}
		return
	}
	if count > 0 {
		xtsSectors(&p[0], count, size/16, keys, x.rounds, first, step)
	}
}
