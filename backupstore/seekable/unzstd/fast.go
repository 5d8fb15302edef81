package unzstd

// This is the package's only file with unsafe: the two inner loops. What makes
// each of them sound is stated above it, and pure_test.go checks them against
// plain variants.

import (
	"encoding/binary"
	"errors"
	"unsafe"
)

// slack is how many bytes after a block's output and after the literals may be
// overwritten or read beyond what a sequence asks for: copies go by 16 and 32.
const slack = 64

var (
	errLiterals = errors.New("sequence wants more literals than there are")
	errTooLong  = errors.New("block decodes to more than its maximum")
	errOffset   = errors.New("match offset reaches before the window")
)

// execute appends the sequences' output to w and returns the literals that are
// left.
//
// Invariants that make the unsafe copies sound: w.limit+slack <= len(w.buf),
// w.end+slack <= len(w.buf), and lits has slack readable bytes after it. Each
// sequence is checked before its copies: they end at w.limit at the latest,
// start inside lits, and come from inside what the window has. The older part
// of the ring is farther ahead than a block is long, so that copies never run
// into what they read. All else goes to executeOne.
func execute(w *window, seqs []sequence, lits []byte) ([]byte, error) {
	base := unsafe.Pointer(unsafe.SliceData(w.buf))
	limit, end := w.limit, w.end
	for {
		pos := w.pos
		maxOffset := int(min(w.size, w.total+int64(pos-w.start)))
		lit, left := unsafe.Pointer(unsafe.SliceData(lits)), len(lits)
		i := 0
		for ; i < len(seqs); i++ {
			s := &seqs[i]
			n, length, off := int(s.lits), int(s.length), int(s.offset)
			match := pos + n
			src := match - off
			if n > left || match+length > limit || off > maxOffset || src^(src+length) < 0 {
				break
			}
			dst := unsafe.Add(base, pos)
			copy16(dst, lit)
			for c := 16; c < n; c += 16 {
				copy16(unsafe.Add(dst, c), unsafe.Add(lit, c))
			}
			lit = unsafe.Add(lit, n)
			left -= n
			pos = match + length
			dst = unsafe.Add(base, match)
			from := unsafe.Add(base, src+end&(src>>63))
			if off >= 16 {
				copy16(dst, from)
				copy16(unsafe.Add(dst, 16), unsafe.Add(from, 16))
				for c := 32; c < length; c += 16 {
					copy16(unsafe.Add(dst, c), unsafe.Add(from, c))
				}
				continue
			}
			// A short period: write it out to 16 bytes or more, then repeat those.
			for c := range off {
				*(*byte)(unsafe.Add(dst, c)) = *(*byte)(unsafe.Add(from, c))
			}
			for ; off < 16 && off < length; off *= 2 {
				for c := range off {
					*(*byte)(unsafe.Add(dst, off+c)) = *(*byte)(unsafe.Add(dst, c))
				}
			}
			for c := off; c < length; c += 16 {
				copy16(unsafe.Add(dst, c), unsafe.Add(dst, c-off))
			}
		}
		w.pos = pos
		lits = lits[len(lits)-left:]
		if i == len(seqs) {
			return lits, nil
		}
		var err error
		if lits, err = executeOne(w, seqs[i], lits); err != nil {
			return nil, err
		}
		seqs = seqs[i+1:]
	}
}

// executeOne executes a sequence that is not surely valid, or whose match lies
// across the seam of the ring.
func executeOne(w *window, s sequence, lits []byte) ([]byte, error) {
	n, length := int(s.lits), int(s.length)
	switch {
	case n > len(lits):
		return nil, errLiterals
	case w.pos+n+length > w.limit:
		return nil, errTooLong
	}
	w.append(lits[:n])
	if !w.matchAcross(w.pos, int(s.offset), length) {
		return nil, errOffset
	}
	w.pos += length
	return lits[n:], nil
}

// copy16 copies 16 bytes; both are read before any is written.
func copy16(dst, src unsafe.Pointer) { *(*[16]byte)(dst) = *(*[16]byte)(src) }

// read reads up to len(out) sequences and returns how many. When it has read
// the last one it checks that the stream ends there.
//
// What makes its loads sound: pos falls only, from inside the stream, and is
// checked against going more than bitPad bytes below its start.
func (r *sequenceReader) read(out []sequence, tables *[3]table) (int, error) {
	n := min(len(out), r.left)
	out = out[:n]
	r.left -= n
	ll, of, ml := r.cells[litLen], r.cells[offset], r.cells[matchLen]
	rep0, rep1, rep2 := r.reps[0], r.reps[1], r.reps[2]
	base, pos := unsafe.Pointer(&r.b[bitPad]), r.pos
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

// topBits returns the bits below pos, 56 of them at least, from the top bit down.
func topBits(base unsafe.Pointer, pos int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(base, pos>>3-7))[:]) << 1 << (^pos & 7)
}

// bitsAt returns the bits from pos upwards, 57 of them at least.
func bitsAt(base unsafe.Pointer, pos int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(base, pos>>3))[:]) >> (pos & 7)
}
