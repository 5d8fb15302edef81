package btrfs

import (
	"errors"
	"fmt"
)

// lzoHead is the size of the length that is before all, and before each segment.
const lzoHead = 4

// unlzo decompresses segments of LZO, each of a block. A length lies in one block, and what is
// left of that before it is not used.
func unlzo(out, in []byte, sector int) error {
	if len(in) < lzoHead {
		return fmt.Errorf("it has %d bytes", len(in))
	}
	total := le.Uint32(in)
	if uint64(total) > uint64(len(in)) || total < lzoHead {
		return fmt.Errorf("it would have %d bytes of %d", total, len(in))
	}
	in = in[:total]
	at := lzoHead
	for len(out) > 0 {
		if left := sector - at%sector; left < lzoHead {
			at += left
		}
		if at+lzoHead > len(in) {
			return fmt.Errorf("%d bytes are missing", len(out))
		}
		size := uint64(le.Uint32(in[at:]))
		at += lzoHead
		if size > uint64(len(in)-at) {
			return fmt.Errorf("a segment of %d bytes, and %d are left", size, len(in)-at)
		}
		segment := out[:min(sector, len(out))]
		n, err := lzo1x(segment, in[at:][:size])
		if err != nil {
			return err
		}
		if n < len(segment) && len(segment) < len(out) {
			return fmt.Errorf("a segment has %d bytes of %d", n, len(segment))
		}
		at += int(size)
		if len(segment) == len(out) {
			return ends(out, n, sector)
		}
		out = out[n:]
	}
	return nil
}

var (
	errLZOInput  = errors.New("a segment of LZO ends too early")
	errLZOOutput = errors.New("a segment of LZO is longer than a block")
	errLZOBack   = errors.New("a segment of LZO points before its begin")
)

// lzoReader decompresses one segment.
type lzoReader struct {
	in, out []byte
	n       int // of out
}

// lzo1x decompresses LZO1X into out, and returns how many bytes there are.
func lzo1x(out, in []byte) (int, error) {
	z := &lzoReader{in: in, out: out}
	err := z.run()
	return z.n, err
}

func (z *lzoReader) byte() (int, error) {
	if len(z.in) == 0 {
		return 0, errLZOInput
	}
	b := z.in[0]
	z.in = z.in[1:]
	return int(b), nil
}

// literals copies bytes as they are.
func (z *lzoReader) literals(n int) error {
	if n > len(z.in) {
		return errLZOInput
	}
	if n > len(z.out)-z.n {
		return errLZOOutput
	}
	copy(z.out[z.n:], z.in[:n])
	z.in, z.n = z.in[n:], z.n+n
	return nil
}

// match copies bytes from before.
func (z *lzoReader) match(distance, length int) error {
	if distance > z.n {
		return errLZOBack
	}
	if length > len(z.out)-z.n {
		return errLZOOutput
	}
	for range length {
		z.out[z.n] = z.out[z.n-distance]
		z.n++
	}
	return nil
}

// long returns a length of which the code has bits alone if it is not 0.
func (z *lzoReader) long(n, bits int) (int, error) {
	if n > 0 {
		return n, nil
	}
	n = bits
	for {
		b, err := z.byte()
		if err != nil {
			return 0, err
		}
		if b > 0 {
			return n + b, nil
		}
		if n += 255; n > maxNode {
			return 0, errLZOOutput
		}
	}
}

// run decompresses all. state is how many bytes as they are came before a code, 4 for more.
func (z *lzoReader) run() error {
	state := 0
	if len(z.in) > 0 && z.in[0] > 17 {
		n, _ := z.byte()
		n -= 17
		if err := z.literals(n); err != nil {
			return err
		}
		state = min(n, 4)
	}
	for {
		code, err := z.byte()
		if err != nil {
			return err
		}
		if code < 16 && state == 0 {
			n, err := z.long(code, 15)
			if err == nil {
				err = z.literals(n + 3)
			}
			if err != nil {
				return err
			}
			state = 4
			continue
		}
		distance, length, after, err := z.pair(code, state)
		if err != nil || distance == 0 {
			return err // 0 is the end
		}
		if err := z.match(distance, length); err != nil {
			return err
		}
		if err := z.literals(after); err != nil {
			return err
		}
		state = after
	}
}

// pair reads the rest of a code for bytes from before: how far, how many, and how many bytes
// as they are come after them.
func (z *lzoReader) pair(code, state int) (distance, length, after int, err error) {
	b := 0
	switch {
	case code >= 64:
		b, err = z.byte()
		return b<<3 + code>>2&7 + 1, code>>5 + 1, code & 3, err
	case code >= 16:
		return z.farPair(code)
	case state == 4: // after many bytes as they are
		b, err = z.byte()
		return b<<2 + code>>2 + 2049, 3, code & 3, err
	default:
		b, err = z.byte()
		return b<<2 + code>>2 + 1, 2, code & 3, err
	}
}

// farPair is pair for the codes with two bytes more.
func (z *lzoReader) farPair(code int) (distance, length, after int, err error) {
	bits := 31
	if code < 32 {
		bits = 7
	}
	if length, err = z.long(code&bits, bits); err != nil {
		return 0, 0, 0, err
	}
	if len(z.in) < 2 {
		return 0, 0, 0, errLZOInput
	}
	rest := int(le.Uint16(z.in))
	z.in = z.in[2:]
	distance = rest>>2 + 1
	if code < 32 {
		if distance = rest>>2 + code&8<<11; distance == 0 {
			return 0, 0, 0, nil
		}
		distance += 16384
	}
	return distance, length + 2, rest & 3, nil
}
