package unzstd

// window holds the decoded bytes that later ones may refer to, in a ring in
// which a block never wraps:
//
//	0          pos                    end
//	|--newest--|.....|-----oldest-----|   after the first wrap
//
// A block starts at pos; when it may not fit before len(buf)-slack, end is set
// to pos and pos to 0. The ring grows up to its full size as long as nothing
// has wrapped, so small frames take little memory.
type window struct {
	buf   []byte
	pos   int   // where the next byte goes
	end   int   // end of the older part, 0 when there is none
	limit int   // where the current block must end
	start int   // where the current block started
	total int64 // bytes that exist before start: decoded, or brought by a checkpoint
	size  int64 // the frame's window: how far back a match may reach
	full  int   // the ring's size when it wraps
}

// reset empties the window for a frame whose matches reach back size bytes,
// and of whose decoded bytes the last size+keep shall stay. Content is how
// many bytes are to come, -1 when that is unknown.
func (w *window) reset(size int64, keep int, content int64) {
	full := int(ringBytes(size, keep, content))
	*w = window{buf: w.buf, size: size, full: full}
	if len(w.buf) > w.full {
		w.buf = w.buf[:w.full]
	}
}

// ringBytes is how large the ring gets.
func ringBytes(size int64, keep int, content int64) int64 {
	full := min(size, 1<<40) + int64(keep) + 2*maxBlock + 2*slack
	if content >= 0 && content < full-maxBlock-slack {
		full = content + maxBlock + slack
	}
	return full
}

// reserve makes the buffer n bytes at least, if the ring may be so large.
func (w *window) reserve(n int) {
	if n = min(n, w.full); n > len(w.buf) {
		if n <= cap(w.buf) {
			w.buf = w.buf[:n]
			return
		}
		grown := make([]byte, n)
		copy(grown, w.buf[:w.pos])
		w.buf = grown
	}
}

// begin makes room for a block of up to maxLen bytes.
func (w *window) begin(maxLen int) {
	w.total += int64(w.pos - w.start)
	need := w.pos + maxLen + slack
	if need > len(w.buf) && len(w.buf) < w.full {
		more := 2 * len(w.buf)
		if more > largeWindow {
			more = w.full // what is grown out of would be held too, for a while
		}
		w.reserve(max(need, min(more, w.full)))
	}
	if need > len(w.buf) {
		w.end, w.pos = w.pos, 0
	}
	w.start = w.pos
	w.limit = w.pos + maxLen
}

// matchAcross copies a match that starts before the buffer's start, that is in
// the older part, to pos. It reports false when the offset is not valid.
func (w *window) matchAcross(pos, off, length int) bool {
	// The ring keeps all that a match may reach, so the last condition is never met; without it a
	// mistake there would be a panic.
	if int64(off) > min(w.size, w.total+int64(pos-w.start)) || off > pos && off-pos > w.end {
		return false
	}
	from := pos - off
	if from < 0 {
		n := copy(w.buf[pos:pos+length], w.buf[w.end+from:w.end])
		pos, from, length = pos+n, from+n, length-n
	}
	for length > 0 {
		n := copy(w.buf[pos:pos+length], w.buf[from:pos])
		pos, length = pos+n, length-n
	}
	return true
}

// append adds bytes that are no match.
func (w *window) append(b []byte) { w.pos += copy(w.buf[w.pos:w.limit], b) }

// appendLast adds the literals behind a block's last sequence.
func (w *window) appendLast(lits []byte) error {
	if len(lits) > w.limit-w.pos {
		return errTooLong
	}
	w.append(lits)
	return nil
}

// repeat adds n times c.
func (w *window) repeat(c byte, n int) {
	fill(w.buf[w.pos:w.pos+n], c)
	w.pos += n
}

func fill(b []byte, c byte) {
	if c == 0 {
		clear(b)
		return
	}
	for i := range b {
		b[i] = c
	}
}
