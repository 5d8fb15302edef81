package inflate

import (
	"context"
	"encoding/binary"
	"math/bits"
)

// findBlock moves c to the first bit, from the present one to end, at which a dynamic block that is
// not the last one can begin, and reads its header. It reports false if there is none. It may find
// one by chance: one bit in about a billion of noise looks like a block. It does not look for
// stored blocks, which decode too fast to be worth it.
func (c *core) findBlock(ctx context.Context, end int64) (bool, error) {
	in := &c.in
	for at := in.bit(); at < end; {
		if err := in.want(ctx, headerBytes); err != nil {
			return false, err
		}
		b := in.buf
		last := (in.base+int64(len(b)))*8 - headerBytes*8/2 // room for what is looked at
		if at >= last {
			return false, nil // the end of the object is not worth a search
		}
		for ; at < end && at < last; at++ {
			i := at/8 - in.base
			v := binary.LittleEndian.Uint64(b[i:]) >> (at % 8) // 57 bits or more
			if v&7 != 4 || v>>3&31 > 29 || v>>8&31 > 29 {
				continue
			}
			npre := 4 + uint(v>>13&15)
			i = (at+17)/8 - in.base
			w := binary.LittleEndian.Uint64(b[i:]) >> ((at + 17) % 8) & (1<<57 - 1)
			if !completePre(w & (1<<(3*npre) - 1)) {
				continue
			}
			if c.tryHeader(at) {
				return true, nil
			}
		}
		in.place(at)
	}
	return false, nil
}

// completePre reports whether 19 lengths of 3 bits make a complete code.
func completePre(lens uint64) bool {
	const ones = 0o111_1111_1111_1111_1111
	// bit i of each length, one per 3 bits
	b0, b1, b2 := lens&ones, lens>>1&ones, lens>>2&ones
	n0, n1, n2 := ones&^b0, ones&^b1, ones&^b2
	count := func(v uint64) int { return bits.OnesCount64(v) }
	sum := count(b0&n1&n2)<<6 + count(n0&b1&n2)<<5 + count(b0&b1&n2)<<4 +
		count(n0&n1&b2)<<3 + count(b0&n1&b2)<<2 + count(n0&b1&b2)<<1 + count(b0&b1&b2)
	return sum == 1<<7
}

// tryHeader reads the header at bit at of the buffer; it reports false, with
// the input anywhere, if there is none.
func (c *core) tryHeader(at int64) bool {
	c.in.place(at)
	c.header = at
	return c.open() == ""
}

// place goes to a bit in the buffer.
func (in *input) place(bit int64) {
	in.pos = int(bit/8 - in.base)
	in.bits, in.nb, in.lead = 0, 0, 0
	in.take(uint(bit % 8))
	in.unload()
}
