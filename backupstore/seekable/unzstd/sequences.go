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
