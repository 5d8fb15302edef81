package bunzip2

import "math"

const (
	maxCodeBits = 20
	rootBits    = 10
)

// An item is a run of RUNA/RUNB digits and the symbol that ends it, or two
// symbols that no run precedes, as far as they fit in rootBits. Most items of
// real data are whole, and there are half as many of them as symbols. In 32
// bits:
//
//	 0..4   bits that the item takes; 0: not in the table
//	 5..8   symbols that the item takes
//	 9..17  position in the move-to-front list (1..255), endOfBlock,
//	        or 0 when the run goes on
//	18..30  what the digits add to the run, the first being of weight 1
//	31      set: there are no digits but two positions, the second in 18..26
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
	pairItem    = item(1 << 31)
	tableLength = 1 << rootBits
)

// tree decodes one Huffman code.
type tree struct {
	items [tableLength]item
	// The canonical form, for codes longer than rootBits and for the last
	// symbols of a group. Codes of length n are below limit[n] when aligned
	// to the top of 32 bits; the first of them is first[n] (not aligned), and
	// its symbol, as an item without its length, is single[index[n]].
	limit  [maxCodeBits + 2]uint64
	first  [maxCodeBits + 1]uint32
	index  [maxCodeBits + 1]uint32
	min    uint
	single [maxSymbols]item
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
	var symbol [maxSymbols]uint16
	for s, n := range lengths {
		t.single[next[n]] = t.one(uint16(s))
		symbol[next[n]] = uint16(s)
		next[n]++
	}

	// The symbol that each rootBits start with: symbol<<5 | length.
	var root [tableLength]uint16
	at := 0
	for n := t.min; n <= rootBits; n++ {
		for i := range count[n] {
			e := symbol[t.index[n]+i]<<5 | uint16(n)
			for range 1 << (rootBits - n) {
				root[at] = e
				at++
			}
		}
	}
	for i := range t.items {
		t.items[i] = t.item(&root, uint(i))
	}
	return true
}

// item joins the symbols that the rootBits of v hold to one item.
func (t *tree) item(root *[tableLength]uint16, v uint) item {
	var used, digits uint
	var run item
	for {
		e := root[v<<used&(tableLength-1)]
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
			e := run<<runShift | t.value(s)<<valueShift | item(digits+1)<<countShift | item(used)
			if digits > 0 || s == t.last {
				return e
			}
			next := root[v<<used&(tableLength-1)]
			n, s = uint(next&itemBits), next>>5
			if n == 0 || used+n > rootBits || s <= 1 || s == t.last {
				return e
			}
			return pairItem | t.value(s)<<runShift | e&(valueMask<<valueShift) | 2*oneSymbol |
				item(used+n)
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

// one is the item of the symbol s alone, without its length.
func (t *tree) one(s uint16) item {
	if s > 1 {
		return t.value(s)<<valueShift | oneSymbol
	}
	return 1<<s<<runShift | oneSymbol
}
