package unzstd

import (
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
// and lits has slack readable bytes after it. Each sequence is checked before
// its copies: they end at w.limit at the latest, start inside lits, and reach
// back to at most the buffer's start (else matchAcross takes them).
func execute(w *window, seqs []sequence, lits []byte) ([]byte, error) {
	pos, limit := w.pos, w.limit
	base := unsafe.Pointer(unsafe.SliceData(w.buf))
	lit, left := unsafe.Pointer(unsafe.SliceData(lits)), len(lits)
	maxOffset := int(min(w.size, w.total+int64(pos-w.start)))
	end := w.end
	for i := range seqs {
		s := &seqs[i]
		n, length := int(s.lits), int(s.length)
		if n > left {
			return nil, errLiterals
		}
		if pos+n+length > limit {
			return nil, errTooLong
		}
		out := unsafe.Add(base, pos)
		copy16(out, lit)
		if n > 16 {
			copy16(unsafe.Add(out, 16), unsafe.Add(lit, 16))
			for c := 32; c < n; c += 32 {
				copy16(unsafe.Add(out, c), unsafe.Add(lit, c))
				copy16(unsafe.Add(out, c+16), unsafe.Add(lit, c+16))
			}
		}
		lit = unsafe.Add(lit, n)
		left -= n
		pos += n
		off := int(s.offset)
		src := pos - off
		if src < 0 {
			src += end
		}
		if off > maxOffset || src+length > end && src > pos || src < 0 {
			// Not surely valid, or across the seam.
			if !w.matchAcross(pos, off, length) {
				return nil, errOffset
			}
			pos += length
			continue
		}
		dst, from := unsafe.Add(base, pos), unsafe.Add(base, src)
		pos += length
		if off >= 16 {
			copy16(dst, from)
			if length > 16 {
				copy16(unsafe.Add(dst, 16), unsafe.Add(from, 16))
				for c := 32; c < length; c += 32 {
					copy16(unsafe.Add(dst, c), unsafe.Add(from, c))
					copy16(unsafe.Add(dst, c+16), unsafe.Add(from, c+16))
				}
			}
			continue
		}
		// A short period: write it out to 16 bytes or more, then repeat those.
		period := off
		for c := range off {
			*(*byte)(unsafe.Add(dst, c)) = *(*byte)(unsafe.Add(from, c))
		}
		for period < 16 && period < length {
			for c := range period {
				*(*byte)(unsafe.Add(dst, period+c)) = *(*byte)(unsafe.Add(dst, c))
			}
			period *= 2
		}
		for c := period; c < length; c += 16 {
			copy16(unsafe.Add(dst, c), unsafe.Add(dst, c-period))
		}
	}
	w.pos = pos
	return lits[len(lits)-left:], nil
}

// copy16 copies 16 bytes; both are read before any is written.
func copy16(dst, src unsafe.Pointer) { *(*[16]byte)(dst) = *(*[16]byte)(src) }
