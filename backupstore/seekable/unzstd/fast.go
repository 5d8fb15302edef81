//go:build !purego && (amd64 || arm64 || loong64 || ppc64le)

package unzstd

// This is the package's only file with unsafe: what the two inner loops do.
// What makes it sound is stated above each part, and pure_test.go checks it against
// plain variants. It is built only for processors to which a word at any address
// costs nothing much; fast_pure.go serves all others.

import (
	"encoding/binary"
	"unsafe"
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

// copy16 copies 16 bytes; both are read before any is written.
func copy16(dst, src unsafe.Pointer) { *(*[16]byte)(dst) = *(*[16]byte)(src) }

// bitBase is where the bit stream's first byte is in memory, with bitPad bytes
// before and after the stream.
type bitBase = unsafe.Pointer

func newBitBase(b []byte) bitBase { return unsafe.Pointer(&b[bitPad]) }

// topBits returns the bits below pos, 56 of them at least, from the top bit down.
func topBits(base bitBase, pos int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(base, pos>>3-7))[:]) << 1 << (^pos & 7)
}

// bitsAt returns the bits from pos upwards, 57 of them at least.
func bitsAt(base bitBase, pos int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(base, pos>>3))[:]) >> (pos & 7)
}
