package luks

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"errors"
)

// fastPart is pbkdf2Part with SHA-256, from the second iteration on: u is what the first one gave,
// and out what it is combined with. The library spends more time around a block than on it.
func fastPart(ctx context.Context, pass, u []byte, iterations int64, out []byte) error {
	inner, err := stateBehind(pass, 0x36)
	if err != nil {
		return err
	}
	outer, err := stateBehind(pass, 0x5c)
	if err != nil {
		return err
	}
	var last, sum [8]uint32
	for i := range last {
		last[i] = binary.BigEndian.Uint32(u[4*i:])
	}
	sum = last
	for left := iterations - 1; left > 0 && ctx.Err() == nil; {
		n := min(left, checkEvery)
		sha256Loop(&last, &sum, &inner, &outer, int(n))
		left -= n
	}
	for i, w := range sum {
		binary.BigEndian.PutUint32(out[4*i:], w)
	}
	clear(last[:])
	clear(sum[:])
	clear(inner[:])
	clear(outer[:])
	return nil
}

var errNoState = errors.New("the library does not tell the state of SHA-256")

// stateBehind returns the state of SHA-256 behind the block that HMAC makes of a key (RFC 2104).
func stateBehind(pass []byte, pad byte) (state [8]uint32, err error) {
	var block [sha256.BlockSize]byte
	defer clear(block[:])
	if len(pass) > len(block) {
		short := sha256.Sum256(pass)
		pass = short[:]
	}
	copy(block[:], pass)
	for i := range block {
		block[i] ^= pad
	}
	h := sha256.New()
	h.Write(block[:])
	marshaler, ok := h.(encoding.BinaryMarshaler)
	if !ok {
		return state, errNoState
	}
	b, err := marshaler.MarshalBinary() // four bytes of magic, then the words
	if err != nil {
		return state, err
	}
	if len(b) < 36 {
		return state, errNoState
	}
	for i := range state {
		state[i] = binary.BigEndian.Uint32(b[4+4*i:])
	}
	clear(b)
	return state, nil
}
