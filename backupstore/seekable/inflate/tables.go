package inflate

import "math/bits"

// A table entry says what the next bits mean. Layout, from the low end:
//
//	0-7    bits to consume: the code and, for lengths and distances, the extra
//	       bits behind it (in subtables: without the root's bits)
//	8-15   bits of the root of the table for what comes next: litBits or, behind
//	       a length, distBits; with bits 0-7 it is an operand of BEXTR
//	16-30  of a literal: its value
//	       of a length: its base in bits 16-24, how many extra bits in 25-27
//	       of a distance: how many extra bits in bits 16-23, and in 24-25 what
//	       is above them in distance-1
//	       of a code length symbol: its number
//	       otherwise flags: what stands for no symbol
//	31     literal flag: one sign test in the hot loop
//
// A pointer to a subtable has its bits in bits 8-11 and its start in bits 16-27.
const (
	flagLiteral     = 1 << 31
	flagExceptional = 1 << 30 // a pointer to a subtable, the end of the block or invalid
	flagSubtable    = 1 << 29
	flagEnd         = 1 << 28

	entryInvalid = flagExceptional
)

// lengthExtra is how many extra bits a length has, or 0 for a literal.
func lengthExtra(e uint32) uint { return uint(e >> 25 & 7) }

// matchLength is that of a match, given its extra bits.
func matchLength(e uint32, extra uint64) uint64 { return uint64(e>>16&511) + extra }

// distanceExtra is how many extra bits a distance has.
func distanceExtra(e uint32) uint { return uint(e >> 16 & 63) }

// matchDistance is that of a match, given its extra bits.
func matchDistance(e uint32, extra uint64) uint64 {
	return uint64(e>>24)<<(e>>16&63) + extra + 1
}

// subtable is the index of the entry in the subtable to which e points.
func subtable(e uint32, bits uint64) uint64 {
	return uint64(e>>16&0xfff) + bits&(1<<(e>>8&15)-1)
}

const (
	maxCodeBits = 15
	litBits     = 11 // root table of literals and lengths
	distBits    = 9  // root table of distances
	preBits     = 7  // code length code, no subtables

	maxLit  = 288 // as the fixed code has; dynamic headers may name 286
	maxDist = 32  // as the fixed code has; dynamic headers may name 30

	// Room for root and subtables in the worst case. 2342 is the exact bound
	// for 288 symbols, 15 bits and an 11 bit root (zlib's examples/enough.c);
	// for distances: a subtable has at most 64 entries and holds 2 or more of
	// the 32 symbols.
	litRoom  = 2342
	distRoom = 1<<distBits + 16*64
)

// The loop in assembly looks up in both what belongs into one of them: an index of lit is inside of
// the struct also when it is one of dist.
type tables struct {
	dist [distRoom]uint32
	lit  [litRoom]uint32
}

// results are the entries of all symbols without the bits of their codes.
type results struct {
	lit  [maxLit]uint32
	dist [maxDist]uint32
	pre  [19]uint32
}

var symbols = makeResults()

func makeResults() (r results) {
	for i := range 256 {
		r.lit[i] = flagLiteral | uint32(i)<<16 | litBits<<8
	}
	r.lit[256] = flagExceptional | flagEnd
	base := uint32(3)
	for i := 257; i < 285; i++ {
		extra := uint32(max(0, (i-261)/4))
		r.lit[i] = base<<16 | extra<<25 | distBits<<8 | extra
		base += 1 << extra
	}
	r.lit[285] = matchMax<<16 | distBits<<8
	r.lit[286], r.lit[287] = entryInvalid, entryInvalid
	for i := range uint32(30) {
		above, extra := i, uint32(0)
		if i >= 4 {
			above, extra = 2|i&1, (i-2)/2
		}
		r.dist[i] = above<<24 | extra<<16 | litBits<<8 | extra
	}
	r.dist[30], r.dist[31] = entryInvalid, entryInvalid
	for i := range r.pre {
		r.pre[i] = uint32(i) << 16
	}
	return r
}

// fixedTables are those of RFC 1951, 3.2.6.
var fixedTables = makeFixed()

func makeFixed() *tables {
	var lens [maxLit]uint8
	for i := range lens {
		switch {
		case i < 144:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		case i < 280:
			lens[i] = 7
		default:
			lens[i] = 8
		}
	}
	t := new(tables)
	build(t.lit[:], lens[:], symbols.lit[:], litBits)
	for i := range maxDist {
		lens[i] = 5
	}
	build(t.dist[:], lens[:maxDist], symbols.dist[:], distBits)
	return t
}

// build makes the decoding table of the canonical code with the given lengths (0 to 15 bits) in
// table, whose root has rootBits. It reports false for a code that is over-subscribed or
// incomplete. Like zlib it accepts a code of one symbol with one bit, and one without symbols: only
// using what they lack is an error.
func build(table []uint32, lens []uint8, result []uint32, rootBits uint) bool {
	var count [maxCodeBits + 1]uint32
	for _, l := range lens {
		count[l&15]++
	}
	var offs [maxCodeBits + 2]uint32
	space := uint32(0)
	for l := 1; l <= maxCodeBits; l++ {
		offs[l+1] = offs[l] + count[l]
		space = space<<1 + count[l]
	}
	if space > 1<<maxCodeBits {
		return false
	}
	var sorted [maxLit]uint16
	for s, l := range lens {
		if l != 0 {
			sorted[offs[l&15]] = uint16(s)
			offs[l&15]++
		}
	}
	if space < 1<<maxCodeBits {
		root := table[:1<<rootBits]
		for i := range root {
			root[i] = entryInvalid
		}
		if space == 0 {
			return true
		}
		if space != 1<<(maxCodeBits-1) || count[1] != 1 {
			return false
		}
		e := result[sorted[0]] + 1
		for i := 0; i < len(root); i += 2 {
			root[i] = e
		}
		return true
	}

	// Codes of one length are consecutive, and read from their first bit: code
	// counts up bit-reversed. The part of the table that is filled doubles by
	// copying with every bit of length.
	next := sorted[:]
	code, length := uint32(0), uint32(1)
	for count[length] == 0 {
		length++
	}
	n := count[length]
	end := uint32(1) << min(length, uint32(rootBits))
	for length <= uint32(rootBits) {
		for {
			table[code] = result[next[0]] + length
			next = next[1:]
			if code == end-1 { // all ones: the last code
				for ; end < 1<<rootBits; end <<= 1 {
					copy(table[end:2*end], table[:end])
				}
				return true
			}
			bit := uint32(1) << (31 - bits.LeadingZeros32(code^(end-1)))
			code = code&(bit-1) | bit
			if n--; n == 0 {
				break
			}
		}
		for n == 0 {
			length++
			if length <= uint32(rootBits) {
				copy(table[end:2*end], table[:end])
				end <<= 1
			}
			n = count[length]
		}
	}

	mask := uint32(1)<<rootBits - 1
	prefix, start := ^uint32(0), uint32(0)
	end = mask + 1
	for {
		if code&mask != prefix {
			prefix, start = code&mask, end
			// As many bits as it takes to hold all codes with this prefix.
			sub := length - uint32(rootBits)
			for used := n; used < 1<<sub; {
				sub++
				used = used<<1 + count[uint32(rootBits)+sub]
			}
			end = start + 1<<sub
			table[prefix] = start<<16 | flagExceptional | flagSubtable | sub<<8 | uint32(rootBits)
		}
		l := length - uint32(rootBits)
		e := result[next[0]] + l
		next = next[1:]
		for i := start + code>>rootBits; i < end; i += 1 << l {
			table[i] = e
		}
		if code == 1<<length-1 {
			return true
		}
		bit := uint32(1) << (31 - bits.LeadingZeros32(code^(1<<length-1)))
		code = code&(bit-1) | bit
		n--
		for n == 0 {
			length++
			n = count[length]
		}
	}
}
