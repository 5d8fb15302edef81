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
		e, ok := in.symbol(c.tab.lit[:], litBits)
		switch {
		case !ok:
			return truncated
		case e&flagLiteral != 0:
			c.out[c.pos] = byte(e >> 16)
			c.pos++
			in.consume(e, 0)
			continue
		case e&flagEnd != 0:
			in.consume(e, 0)
			c.endBlock()
			return ""
		case e&flagExceptional != 0:
			return badSymbol
		}
		length := int(matchLength(e, in.consume(e, lengthExtra(e))))
		e, ok = in.symbol(c.tab.dist[:], distBits)
		switch {
		case !ok:
			return truncated
		case e&flagExceptional != 0:
			return badSymbol
		}
		dist := int(matchDistance(e, in.consume(e, distanceExtra(e))))
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

// symbol returns the entry of the next code of the table, without its bits in
// the root if it is in a subtable. ok is false if the input ends within it or its
// extra bits.
func (in *input) symbol(table []uint32, rootBits uint) (e uint32, ok bool) {
	e = table[in.bits&(1<<rootBits-1)]
	if e&flagSubtable != 0 {
		if in.nb < rootBits {
			return e, false
		}
		in.bits >>= rootBits
		in.nb -= rootBits
		e = table[subtable(e, in.bits)]
	}
	return e, in.nb >= uint(e&0xff) && (e != entryInvalid || in.nb > 0)
}

// consume takes the bits of an entry and returns the last of them, which are the extra ones.
func (in *input) consume(e uint32, extra uint) uint64 {
	all := uint(e & 0xff)
	value := in.bits & (1<<all - 1) >> (all - extra)
	in.bits >>= all
	in.nb -= all
	return value
}
