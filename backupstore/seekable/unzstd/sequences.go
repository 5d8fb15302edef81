package unzstd

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// A sequence copies lits literals, then length bytes from offset bytes back.
type sequence struct{ lits, length, offset uint32 }

// batch is how many sequences are read before they are executed: enough to
// keep the two loops apart, few enough to stay in the nearest cache.
const batch = 256

// bitPad is how far before the bit stream's first byte its slice starts, and
// how far after its last byte it ends, so that a load of a word is in bounds at
// each position.
const bitPad = 16

var (
	errBitsStart = errors.New("bit stream has no end mark")
	errBitsShort = errors.New("bit stream ends inside the sequences")
	errBitsLeft  = errors.New("bit stream goes on after the last sequence")
	errRepeat    = errors.New("repeat offset is zero")
)

// sequenceReader reads the sequences of one block. Its bit stream is read from
// the end towards the start.
type sequenceReader struct {
	b     []byte // bitPad bytes, the stream, bitPad bytes
	pos   int    // unread bits
	left  int    // sequences not read yet
	cells [3]*entry
	reps  [3]uint32
}

// start begins with a block of n sequences whose stream is b without bitPad
// bytes at each end. Repeat offsets stay.
func (r *sequenceReader) start(b []byte, n int, tables *[3]table) error {
	size := len(b) - 2*bitPad
	if size <= 0 || b[bitPad+size-1] == 0 {
		return errBitsStart
	}
	r.b, r.left = b, n
	r.pos = 8*size - 9 + bits.Len8(b[bitPad+size-1])
	for i := range tables {
		t := &tables[i]
		// What is missing here would be missing at the end as well, but a state would be made of
		// bits that are not the stream's.
		if r.pos -= int(t.log); r.pos < 0 {
			return errBitsShort
		}
		r.cells[i] = &t.entries[load64(b, r.pos)&(1<<t.log-1)&(tableSize-1)]
	}
	return nil
}

// load64 returns the bits from pos upwards, 57 of them at least.
func load64(b []byte, pos int) uint64 {
	return binary.LittleEndian.Uint64(b[pos>>3+bitPad:]) >> (pos & 7)
}

// read reads up to len(out) sequences and returns how many. When it has read
// the last one it checks that the stream ends there.
//
// What makes its loads sound: pos only falls, from inside the stream, and is
// checked against going more than bitPad bytes below its start.
func (r *sequenceReader) read(out []sequence, tables *[3]table) (int, error) {
	n := min(len(out), r.left)
	out = out[:n]
	r.left -= n
	ll, of, ml := r.cells[litLen], r.cells[offset], r.cells[matchLen]
	rep0, rep1, rep2 := r.reps[0], r.reps[1], r.reps[2]
	base, pos := newBitBase(r.b), r.pos
	v := topBits(base, pos)
	var states uint
	for i := range out {
		// From the top down lie the bits of the values of offset, match length
		// and literal length, then those of the states of literal length, match
		// length and offset: nearly always less than one load has. So that the
		// next states do not wait for a load, v is loaded one sequence ahead.
		// The last sequence has no states; that is made good at the end.
		values := uint(of.valueBits) + uint(ml.valueBits) + uint(ll.valueBits)
		states = uint(of.stateBits) + uint(ml.stateBits) + uint(ll.stateBits)
		s := v << (values & 63)
		v = v >> 1 >> ((63 - values) & 63)
		if values+states > 56 {
			at := pos - int(values)
			if at < -8*(bitPad-8) {
				return 0, errBitsShort
			}
			s = topBits(base, at)
			v = (bitsAt(base, at)&(1<<32-1) | bitsAt(base, at+32)<<32) & (1<<values - 1)
		}
		if pos -= int(values + states); pos < -8*(bitPad-8) {
			return 0, errBitsShort
		}
		k := ll.valueBits & 63
		lits := ll.value + uint32(v&(1<<k-1))
		v >>= k
		k = ml.valueBits & 63
		length := ml.value + uint32(v&(1<<k-1))
		code := of.valueBits
		off := of.value + uint32(v>>k)
		out[i].lits, out[i].length = lits, length
		v = topBits(base, pos)

		s = s >> 1 >> ((63 - states) & 63)
		k = of.stateBits & 63
		of = &tables[offset].entries[(uint(of.next)+uint(s&(1<<k-1)))&(tableSize-1)]
		s >>= k
		k = ml.stateBits & 63
		ml = &tables[matchLen].entries[(uint(ml.next)+uint(s&(1<<k-1)))&(tableSize-1)]
		ll = &tables[litLen].entries[(uint(ll.next)+uint(s>>k))&(tableSize-1)]

		// Repeat offsets without branches, for they come at random: which is 0
		// for a new offset, else 1 to 3 for a repeated one, 4 for the first less 1.
		which := off
		if lits == 0 {
			which++
		}
		if code > 1 {
			which = 0
		}
		if which == 1 {
			off = rep0
		}
		if which == 2 {
			off = rep1
		}
		if which == 3 {
			off = rep2
		}
		if which == 4 {
			off = rep0 - 1
		}
		if which-1 >= 2 {
			rep2 = rep1
		}
		if which != 1 {
			rep1 = rep0
		}
		rep0 = off
		out[i].offset = off
		if off == 0 {
			return 0, errRepeat
		}
	}
	r.cells[litLen], r.cells[offset], r.cells[matchLen] = ll, of, ml
	r.reps = [3]uint32{rep0, rep1, rep2}
	r.pos = pos
	if r.left == 0 {
		switch pos += int(states); {
		case pos > 0:
			return 0, errBitsLeft
		case pos < 0:
			return 0, errBitsShort
		}
	}
	return n, nil
}
