package unzstd

import (
	"errors"
	"math/bits"
)

// An entry is a cell of a decoding table: how a state becomes a value and the
// next state.
type entry struct {
	value     uint32 // plus valueBits bits that are read
	next      uint16 // plus stateBits bits that are read: the next state
	valueBits uint8
	stateBits uint8
}

// tableSize is the most entries that a table can have (accuracy 9).
const tableSize = 512

// table decodes one of the three parts of a sequence.
type table struct {
	entries [tableSize]entry
	log     uint
	// desc is how the table came: nil when there is none yet, else one byte
	// of mode and the stored description. A table can be rebuilt from it.
	desc []byte
}

// kind is what tells the three tables apart (RFC 8878, 3.1.1.3.2).
type kind struct {
	name       string
	maxLog     uint
	maxSymbol  int
	defaultLog uint
	defaults   []int8
	cell       func(symbol int) entry
}

// Indexes of the three tables, in the order in which a block describes them.
const (
	litLen = iota
	offset
	matchLen
)

var kinds = [3]kind{
	litLen: {"literal length", 9, 35, 6, []int8{
		4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2,
		2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1,
	}, litLenCell},
	offset: {"offset", 8, 31, 5, []int8{
		1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
	}, offsetCell},
	matchLen: {"match length", 9, 52, 6, []int8{
		1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
	}, matchLenCell},
}

// lengthCodes are the values and extra bits of the codes after the ones that
// stand for themselves.
var (
	litLenCodes = [...][2]uint32{
		{16, 1}, {18, 1}, {20, 1}, {22, 1}, {24, 2}, {28, 2}, {32, 3}, {40, 3}, {48, 4}, {64, 6},
		{128, 7}, {256, 8}, {512, 9}, {1024, 10}, {2048, 11}, {4096, 12}, {8192, 13}, {16384, 14},
		{32768, 15}, {65536, 16},
	}
	matchLenCodes = [...][2]uint32{
		{35, 1}, {37, 1}, {39, 1}, {41, 1}, {43, 2}, {47, 2}, {51, 3}, {59, 3}, {67, 4},
		{83, 4}, {99, 5},
		{131, 7}, {259, 8}, {515, 9}, {1027, 10}, {2051, 11}, {4099, 12}, {8195, 13}, {16387, 14},
		{32771, 15}, {65539, 16},
	}
)

func cell(value, extra uint32) entry { return entry{value: value, valueBits: uint8(extra)} }

func litLenCell(symbol int) entry {
	if symbol < 16 {
		return cell(uint32(symbol), 0)
	}
	c := litLenCodes[symbol-16]
	return cell(c[0], c[1])
}

func matchLenCell(symbol int) entry {
	if symbol < 32 {
		return cell(uint32(symbol)+3, 0)
	}
	c := matchLenCodes[symbol-32]
	return cell(c[0], c[1])
}

// offsetCell gives the codes 0 and 1 the values 1 and 2 (repeat offsets); of
// the others it takes the 3 away by which the format shifts true offsets.
func offsetCell(symbol int) entry {
	if symbol < 2 {
		return cell(1<<symbol, uint32(symbol))
	}
	return cell(1<<symbol-3, uint32(symbol))
}

var (
	errTableBits   = errors.New("table description ends early")
	errTableLog    = errors.New("table accuracy too high")
	errTableSymbol = errors.New("table has a symbol that is not allowed")
)

// Modes of a table description.
const (
	modeDefault = iota
	modeSingle
	modeCounts
	modeRepeat
)

// read sets t from the description at the start of b and returns its length.
func (t *table) read(k *kind, mode int, b []byte) (n int, err error) {
	switch mode {
	case modeDefault:
		var counts [64]int16
		for i, c := range k.defaults {
			counts[i] = int16(c)
		}
		t.build(k, counts[:len(k.defaults)], k.defaultLog)
	case modeSingle:
		if len(b) == 0 {
			return 0, errTableBits
		}
		if int(b[0]) > k.maxSymbol {
			return 0, errTableSymbol
		}
		n, t.log = 1, 0
		t.entries[0] = k.cell(int(b[0]))
	case modeCounts:
		var counts [64]int16
		var symbols int
		var log uint
		if symbols, log, n, err = readCounts(b, counts[:k.maxSymbol+1], k.maxLog); err == nil {
			t.build(k, counts[:symbols], log)
		}
	}
	if err != nil {
		return 0, err
	}
	t.desc = append(append(t.desc[:0], byte(mode)), b[:n]...)
	return n, nil
}

// readCounts reads normalized counts (RFC 8878, 4.1.1) into counts and returns
// how many symbols there are, the accuracy, and the bytes read. The counts add
// up to 1<<log, one of -1 as 1: each is stored in so many bits that it cannot be
// more than what is left of that.
func readCounts(b []byte, counts []int16, maxLog uint) (symbols int, log uint, n int, err error) {
	at := uint(0)
	peek := func() (v uint32) { // 16 bits at least; zeros after the end
		for i := range uint(3) {
			if j := at/8 + i; j < uint(len(b)) {
				v |= uint32(b[j]) << (8 * i)
			}
		}
		return v >> (at & 7)
	}
	log = uint(peek()&15) + 5
	at += 4
	if log > maxLog {
		return 0, 0, 0, errTableLog
	}
	remaining, threshold, width := 1<<log+1, 1<<log, log+1
	zeros := false
	for remaining > 1 {
		if zeros {
			for {
				run := int(peek() & 3)
				at += 2
				symbols += run
				if run < 3 {
					break
				}
			}
		}
		if symbols >= len(counts) {
			return 0, 0, 0, errTableSymbol
		}
		v, low := int(peek()), 2*threshold-1-remaining
		count := v & (threshold - 1)
		if count < low {
			at += width - 1
		} else {
			if count = v & (2*threshold - 1); count >= threshold {
				count -= low
			}
			at += width
		}
		count--
		if count < 0 {
			remaining--
		} else {
			remaining -= count
		}
		counts[symbols] = int16(count)
		symbols++
		zeros = count == 0
		for remaining < threshold && threshold > 1 {
			width--
			threshold >>= 1
		}
	}
	n = int(at+7) / 8
	if n > len(b) {
		return 0, 0, 0, errTableBits
	}
	return symbols, log, n, nil
}

// build fills the table from normalized counts that add up (RFC 8878, 4.1.1).
func (t *table) build(k *kind, counts []int16, log uint) {
	size := uint(1) << log
	var symbols [tableSize]uint8
	var next [64]uint16
	high := size - 1
	for s, c := range counts {
		if c < 0 {
			symbols[high] = uint8(s)
			high--
			c = 1
		}
		next[s] = uint16(c)
	}
	step, mask, at := size>>1+size>>3+3, size-1, uint(0)
	for s, c := range counts {
		for range int(c) {
			symbols[at] = uint8(s)
			for at = (at + step) & mask; at > high; {
				at = (at + step) & mask
			}
		}
	}
	var cells [64]entry
	for s := range counts {
		cells[s] = k.cell(s)
	}
	for i, s := range symbols[:size] {
		x := next[s&63]
		next[s&63]++
		n := log - uint(bits.Len16(x)) + 1
		e := cells[s&63]
		e.stateBits = uint8(n)
		e.next = uint16(uint(x)<<n - size)
		t.entries[i] = e
	}
	t.log = log
}
