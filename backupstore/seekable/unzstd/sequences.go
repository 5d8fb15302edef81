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

// bitPad is how far before the bit stream's first byte its slice starts, so
// that a load at any position reached before the check for its end is in
// bounds.
const bitPad = 16

var (
	errBitsStart = errors.New("bit stream has no end mark")
	errBitsShort = errors.New("bit stream ends inside the sequences")
	errBitsLeft  = errors.New("bit stream goes on after the last sequence")
	errRepeat    = errors.New("repeat offset is zero")
)

// bitReader reads a bit stream from its end towards its start.
type bitReader struct {
	b   []byte // bitPad bytes, the stream, 8 bytes
	pos int    // unread bits; negative when more was read than there is
}

// load returns the next 56 bits at least, from the top bit down.
func (r *bitReader) load() uint64 {
	return binary.LittleEndian.Uint64(r.b[r.pos>>3+bitPad-7:]) << 1 << (^r.pos & 7)
}

// sequenceReader reads the sequences of one block.
type sequenceReader struct {
	bitReader
	left  int // sequences not read yet
	cells [3]entry
	reps  [3]uint32
}

// start begins with a block of n sequences whose stream is b[bitPad:len(b)-8].
// Repeat offsets stay.
func (r *sequenceReader) start(b []byte, n int, tables *[3]table) error {
	size := len(b) - bitPad - 8
	if size <= 0 || b[bitPad+size-1] == 0 {
		return errBitsStart
	}
	r.b, r.left = b, n
	r.pos = 8*size - 9 + bits.Len8(b[bitPad+size-1])
	v := r.load()
	for i := range tables {
		t := &tables[i]
		r.cells[i] = t.entries[v>>1>>(63-t.log)&(tableSize-1)]
		v <<= t.log
		r.pos -= int(t.log)
	}
	if r.pos < 0 {
		return errBitsShort
	}
	return nil
}

// read reads up to len(out) sequences and returns how many. When it has read
// the last one it checks that the stream ends there.
func (r *sequenceReader) read(out []sequence, tables *[3]table) (int, error) {
	n := min(len(out), r.left)
	out = out[:n]
	r.left -= n
	last := -1
	if r.left == 0 {
		last = n - 1
	}
	ll, of, ml := r.cells[litLen], r.cells[offset], r.cells[matchLen]
	rep0, rep1, rep2 := r.reps[0], r.reps[1], r.reps[2]
	b, pos := r.b, r.pos
	lls, ofs, mls := &tables[litLen].entries, &tables[offset].entries, &tables[matchLen].entries
	for i := range out {
		// A load gives 56 bits. What a sequence takes is at most 31 + 16 + 16
		// for the values and 26 for the states, but rarely so much.
		v := binary.LittleEndian.Uint64(b[pos>>3+bitPad-7:]) << 1 << (^pos & 7)
		ofBits, mlBits, llBits := of.valueBits(), ml.valueBits(), ll.valueBits()
		values := ofBits + mlBits + llBits
		off := of.value() + uint32(v>>1>>((63-ofBits)&63))
		v <<= ofBits & 63
		if values > 30 {
			pos -= int(ofBits)
			if pos < 0 {
				return 0, errBitsShort
			}
			v = binary.LittleEndian.Uint64(b[pos>>3+bitPad-7:]) << 1 << (^pos & 7)
			values -= ofBits
		}
		length := ml.value() + uint32(v>>1>>((63-mlBits)&63))
		v <<= mlBits & 63
		lits := ll.value() + uint32(v>>1>>((63-llBits)&63))
		v <<= llBits & 63
		pos -= int(values)
		if ofBits > 1 {
			rep2, rep1, rep0 = rep1, rep0, off
		} else {
			if lits == 0 {
				off++
			}
			switch off {
			case 1:
				off = rep0
			case 2:
				off, rep1, rep0 = rep1, rep0, rep1
			case 3:
				off, rep2, rep1, rep0 = rep2, rep1, rep0, rep2
			default:
				off = rep0 - 1
				rep2, rep1, rep0 = rep1, rep0, off
			}
			if off == 0 {
				return 0, errRepeat
			}
		}
		out[i] = sequence{lits, length, off}
		if pos < 0 {
			return 0, errBitsShort
		}
		if i == last {
			break
		}
		if values > 30 {
			v = binary.LittleEndian.Uint64(b[pos>>3+bitPad-7:]) << 1 << (^pos & 7)
		}
		llBits, mlBits, ofBits = ll.stateBits(), ml.stateBits(), of.stateBits()
		pos -= int(llBits + mlBits + ofBits)
		ll = lls[(ll.next()+uint(v>>1>>((63-llBits)&63)))&(tableSize-1)]
		v <<= llBits & 63
		ml = mls[(ml.next()+uint(v>>1>>((63-mlBits)&63)))&(tableSize-1)]
		v <<= mlBits & 63
		of = ofs[(of.next()+uint(v>>1>>((63-ofBits)&63)))&(tableSize-1)]
		if pos < 0 {
			return 0, errBitsShort
		}
	}
	r.cells[litLen], r.cells[offset], r.cells[matchLen] = ll, of, ml
	r.reps = [3]uint32{rep0, rep1, rep2}
	r.pos = pos
	if r.left == 0 && pos != 0 {
		return 0, errBitsLeft
	}
	return n, nil
}
