package inflate

const (
	badDistance = "match refers to bytes before the start"
	badSymbol   = "code that no symbol has"
)

// careful decodes symbols one by one until pos reaches stop, the block ends,
// or the input must be refilled. It reads no byte that is not there: it is
// the loop for the end of the input, and the only one where fast.go is not built.
func (c *core) careful(stop int) (wrong string) {
	in := &c.in
	defer in.unload()
	low := c.low()
	for c.pos < stop {
		if in.load(); in.nb <= 56 && !in.eof() {
			return ""
		}
		e, length, ok := in.symbol(c.tab.lit[:], litBits)
		switch {
		case !ok:
			return truncated
		case e&flagLiteral != 0:
			c.out[c.pos] = byte(e >> 16)
			c.pos++
			continue
		case e&flagEnd != 0:
			c.endBlock()
			return ""
		case e&flagInvalid != 0:
			return badSymbol
		}
		e, dist, ok := in.symbol(c.tab.dist[:], distBits)
		switch {
		case !ok:
			return truncated
		case e&flagInvalid != 0:
			return badSymbol
		}
		if beyond := dist - (c.pos - low); beyond > 0 && !c.note(beyond, length) {
			return badDistance
		}
		start, zeros := c.pos, c.marks != nil && dist == 1 && c.out[c.pos-1] == 0
		dst := c.out[c.pos : c.pos+length]
		for len(dst) > 0 { // at most dist at a time, doubling
			n := copy(dst, c.out[c.pos-dist:c.pos])
			dst, c.pos, dist = dst[n:], c.pos+n, dist+n
		}
		if zeros {
			c.marks.zeros(c, run{start, c.pos})
		}
	}
	return ""
}

// symbol decodes one code of the table with its extra bits, which with the
// entry's base make value. ok is false if the input ends within.
func (in *input) symbol(table []uint32, rootBits uint) (e uint32, value int, ok bool) {
	e = table[in.bits&(1<<rootBits-1)]
	if e&flagSubtable != 0 {
		if in.nb < rootBits {
			return e, 0, false
		}
		in.bits >>= rootBits
		in.nb -= rootBits
		e = table[uint64(e>>16&0x7fff)+in.bits&(1<<(e>>8&15)-1)]
	}
	code, all := uint(e>>8&15), uint(e&0xff)
	if in.nb < all || e == entryInvalid && in.nb == 0 {
		return e, 0, false
	}
	value = int(e>>16&0x7fff) + int(in.bits&(1<<all-1)>>code)
	in.bits >>= all
	in.nb -= all
	return e, value, true
}
