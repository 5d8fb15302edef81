package unzstd

import "errors"

// slack is how many bytes after a block's output and after the literals may be
// overwritten or read beyond what a sequence asks for: copies go by 16 and 32.
const slack = 64

var (
	errLiterals = errors.New("sequence wants more literals than there are")
	errTooLong  = errors.New("block decodes to more than its maximum")
	errOffset   = errors.New("match offset reaches before the window")
)

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
