package bunzip2

import "math"

const (
	maxCodeBits = 20
	rootBits    = 10
)

// An item is a run of RUNA/RUNB digits and the symbol that ends it, as far as
// they fit in rootBits. Most items of real data are whole, and there are half
// as many of them as symbols. In 32 bits:
//
//	 0..4   bits that the item takes; 0: not in the table
//	 5..8   symbols that the item takes
//	 9..17  position in the move-to-front list (1..255), endOfBlock,
//	        or 0 when the run goes on
//	18..31  what the digits add to the run, the first being of weight 1
type item = uint32

const (
	itemBits    = 31
	countShift  = 5
	countMask   = 15
	valueShift  = 9
	valueBits   = 9
	valueMask   = 1<<valueBits - 1
	runShift    = 18
	endOfBlock  = 0x1ff
	oneSymbol   = 1 << countShift
	noItem      = item(0)
	tableLength = 1 << rootBits
)

// tree decodes one Huffman code.
type tree struct {
	items [tableLength]item
	// The canonical form, for codes longer than rootBits and for the last
	// symbols of a group. Codes of length n are below limit[n] when aligned
	// to the top of 32 bits; the first of them is first[n] (not aligned), and
	// its symbol is symbol[index[n]].
	limit  [maxCodeBits + 2]uint64
	first  [maxCodeBits + 1]uint32
	index  [maxCodeBits + 1]uint32
	min    uint
	symbol [maxSymbols]uint16
	last   uint16 // the symbol for the end of the block
}

// build makes the tables for the given code lengths (1..maxCodeBits). It
// reports false if there are more codes than fit. Fewer are allowed: their use
// is the fault, as for bzip2.
func (t *tree) build(lengths []byte) bool {
	var count [maxCodeBits + 1]uint32
	for _, n := range lengths {
		count[n]++
	}
	t.last = uint16(len(lengths) - 1)
	t.min = 0
	code, index := uint32(0), uint32(0)
	var next [maxCodeBits + 1]uint32
	for n := uint(1); n <= maxCodeBits; n++ {
		code <<= 1
		t.first[n], t.index[n], next[n] = code, index, index
		code += count[n]
		index += count[n]
		if code > 1<<n {
			return false
		}
		t.limit[n] = uint64(code) << (32 - n)
		if t.min == 0 && count[n] > 0 {
			t.min = n
		}
	}
	t.limit[maxCodeBits+1] = math.MaxUint64
	for s, n := range lengths {
		t.symbol[next[n]] = uint16(s)
		next[n]++
	}

	// The symbol that each rootBits start with: symbol<<5 | length.
	var single [tableLength]uint16
	at := 0
	for n := t.min; n <= rootBits; n++ {
		for i := range count[n] {
			e := t.symbol[t.index[n]+i]<<5 | uint16(n)
			for range 1 << (rootBits - n) {
				single[at] = e
				at++
			}
		}
	}
	for i := range t.items {
		t.items[i] = t.item(&single, uint(i))
	}
	return true
}

// item joins the symbols that the rootBits of v hold to one item.
func (t *tree) item(single *[tableLength]uint16, v uint) item {
	var used, digits uint
	var run item
	for {
		e := single[v<<used&(tableLength-1)]
		n := uint(e & itemBits)
		if n == 0 || used+n > rootBits {
			if digits == 0 {
				return noItem
			}
			return run<<runShift | item(digits)<<countShift | item(used)
		}
		used += n
		s := e >> 5
		if s > 1 {
			return run<<runShift | t.value(s)<<valueShift | item(digits+1)<<countShift | item(used)
		}
		run += 1 << s << digits
		digits++
	}
}

// value is the symbol s > 1 as items have it.
func (t *tree) value(s uint16) item {
	if s == t.last {
		return endOfBlock
	}
	return item(s) - 1
}

// one is the item of the first symbol in acc alone, or noItem if no code
// matches.
func (t *tree) one(acc uint64) item {
	v := acc >> 32
	n := t.min
	for v >= t.limit[n] {
		n++
	}
	if n > maxCodeBits {
		return noItem
	}
	s := t.symbol[t.index[n]+uint32(v>>(32-n))-t.first[n]]
	if s > 1 {
		return t.value(s)<<valueShift | oneSymbol | item(n)
	}
	return 1<<s<<runShift | oneSymbol | item(n)
}
