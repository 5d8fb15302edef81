package bunzip2

import (
	"encoding/binary"
	"math/bits"
)

// fullRun is the count of the longest run that bzip2 writes.
const fullRun = 251

// expander undoes RLE1: after four equal bytes stands a count (0..255; bzip2
// writes no more than fullRun) of how many more there are. The byte after the
// count begins anew. Its zero value stands at the start of a block.
type expander struct {
	pos  int // next byte of the RLE1 form
	fill int // copies of b that are due before it
	b    byte
	cut  bool // the form ends where a count should be
}

// done reports whether everything of src has been handed out.
func (x *expander) done(src []byte) bool { return x.pos >= len(src) && x.fill == 0 }

// expand writes what follows to dst and returns how much: less than dst has
// only at the end of src, or, with stopAtZeros, before a zero run of full
// length.
func (x *expander) expand(dst, src []byte, stopAtZeros bool) int {
	o := 0
	for {
		if x.fill > 0 {
			k := min(x.fill, len(dst)-o)
			fillBytes(dst[o:o+k], x.b)
			o += k
			if x.fill -= k; x.fill > 0 {
				return o
			}
		}
		i := x.pos
		// Six bytes at a time, as long as no run starts in them. A byte of t is
		// zero where src has four equal bytes from there.
		for i+9 <= len(src) && o+8 <= len(dst) {
			v := binary.LittleEndian.Uint64(src[i : i+8])
			t := v ^ binary.LittleEndian.Uint64(src[i+1:i+9])
			t |= t>>8 | t>>16
			binary.LittleEndian.PutUint64(dst[o:o+8], v)
			t = (t - ones) &^ t & 0x808080808080
			if t == 0 {
				i += 6
				o += 6
				continue
			}
			p := bits.TrailingZeros64(t) >> 3
			i += p
			o += p
			if i+5 > len(src) {
				break
			}
			n := 4 + int(src[i+4])
			if o+n+8 > len(dst) || src[i] == 0 && stopAtZeros && n >= 4+fullRun {
				break
			}
			fill := uint64(src[i]) * ones
			for end := o + n; ; o += 8 {
				binary.LittleEndian.PutUint64(dst[o:o+8], fill)
				if o+8 >= end {
					o = end
					break
				}
			}
			i += 5
		}
		for {
			if o == len(dst) || i >= len(src) {
				x.pos = i
				return o
			}
			b := src[i]
			if i+3 < len(src) && b == src[i+1] && b == src[i+2] && b == src[i+3] {
				if i+4 == len(src) {
					x.pos, x.cut = i+4, true
					return o
				}
				if b == 0 && stopAtZeros && src[i+4] >= fullRun {
					x.pos = i
					return o
				}
				x.pos, x.fill, x.b = i+5, 4+int(src[i+4]), b
				break
			}
			dst[o] = b
			i++
			o++
			if i+9 <= len(src) && o+8 <= len(dst) {
				x.pos = i
				break
			}
		}
	}
}

// zeros passes the zero runs that follow one another from where expand has
// stopped and returns how many bytes they stand for.
func (x *expander) zeros(src []byte) int64 {
	n := int64(0)
	i := x.pos
	for ; i+5 <= len(src) && binary.LittleEndian.Uint32(src[i:]) == 0; i += 5 {
		n += 4 + int64(src[i+4])
	}
	x.pos = i
	return n
}

func fillBytes(p []byte, b byte) {
	if b == 0 {
		clear(p)
		return
	}
	v := uint64(b) * ones
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, v)
		p = p[8:]
	}
	for i := range p {
		p[i] = b
	}
}
