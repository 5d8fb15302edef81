package inflate

// headerBytes is more than any block header takes: 17 bits, 19 lengths of 3
// bits and up to 316 code lengths of at most 7+7 bits.
const headerBytes = 640

// preOrder is the order in which the lengths of the code length code come.
var preOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

const (
	truncated = "stream ends in the middle"
	badHeader = "bad block header"
	badCodes  = "bad code lengths in block header"
	noEnd     = "block without an end"
)

// open reads a block header, of which as much is in the input as there is,
// and prepares for the block's contents. It returns what is wrong, if
// anything.
func (c *core) open() (wrong string) {
	in := &c.in
	v, ok := in.take(3)
	if !ok { // reading on would end so as well
		return truncated
	}
	c.final = v&1 != 0
	switch v >> 1 {
	case 0:
		in.take(in.nb & 7)
		n, _ := in.take(16)
		inv, ok := in.take(16)
		if !ok {
			return truncated
		}
		if n != ^inv&0xffff {
			return "length of stored block contradicts itself"
		}
		c.state, c.stored = inStored, int(n)
	case 1:
		c.state, c.tab = inCodes, fixedTables
	case 2:
		if wrong := c.dynamic(); wrong != "" {
			return wrong
		}
		c.state, c.tab = inCodes, c.own
	default:
		return badHeader
	}
	in.unload()
	return ""
}

// dynamic reads the code lengths of a block and builds its tables.
func (c *core) dynamic() (wrong string) {
	in := &c.in
	v, ok := in.take(14)
	if !ok {
		return truncated
	}
	nlit, ndist, npre := int(v&31)+257, int(v>>5&31)+1, int(v>>10)+4
	if nlit > 286 || ndist > 30 {
		return badHeader
	}
	var pre [19]uint8
	for _, s := range preOrder[:npre] {
		v, ok := in.take(3)
		if !ok {
			return truncated
		}
		pre[s] = uint8(v)
	}
	var preTable [1 << preBits]uint32
	if !build(preTable[:], pre[:], symbols.pre[:], preBits) {
		return badCodes
	}
	// A repetition may write up to 138 lengths behind the end before it is
	// found out.
	var lens [maxLit + maxDist + 138]uint8
	total := nlit + ndist
	for i := 0; i < total; {
		if in.nb < 14 {
			in.load()
		}
		e := preTable[in.bits&(1<<preBits-1)]
		n := uint(e & 15)
		if in.nb < n+7 && in.nb < n+repeatBits(e) {
			return truncated
		}
		if e&flagExceptional != 0 {
			return badCodes
		}
		in.bits >>= n
		in.nb -= n
		s := uint8(e >> 16)
		if s < 16 {
			lens[i] = s
			i++
			continue
		}
		var fill uint8
		var count uint
		switch s {
		case 16:
			if i == 0 {
				return badCodes
			}
			fill, count, n = lens[i-1], 3+uint(in.bits&3), 2
		case 17:
			count, n = 3+uint(in.bits&7), 3
		default:
			count, n = 11+uint(in.bits&127), 7
		}
		in.bits >>= n
		in.nb -= n
		for _, run := i, lens[i:i+int(count)]; len(run) > 0; run = run[1:] {
			run[0] = fill
		}
		i += int(count)
		if i > total {
			return badCodes
		}
	}
	if lens[256] == 0 {
		return noEnd
	}
	if !build(c.own.lit[:], lens[:nlit], symbols.lit[:], litBits) ||
		!build(c.own.dist[:], lens[nlit:total], symbols.dist[:], distBits) {
		return badCodes
	}
	return ""
}

// repeatBits is the number of extra bits of a code length symbol.
func repeatBits(e uint32) uint {
	switch e >> 16 {
	case 16:
		return 2
	case 17:
		return 3
	case 18:
		return 7
	}
	return 0
}
