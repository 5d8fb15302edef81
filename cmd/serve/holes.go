package serve

import (
	"context"
	"sync"
)

// holes remembers the last answer of NextData. Programs that copy a disk ask for where data ends,
// and from there on where it begins, several times for each hole, and each answer takes looking at
// all digest rows up to the next data. It is safe for concurrent use; the zero value knows nothing.
type holes struct {
	mu               sync.Mutex
	off, start, stop int64 // [off, start) is zero, [start, stop) is not known to be; 0: nothing
}

// answer is NextData for [off, end), if the last answer tells.
func (h *holes) answer(off, end int64) (start, stop int64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if off < h.off || off >= end || off >= h.stop ||
		h.start == h.stop && end > h.stop { // no data was found, but not so far was looked
		return 0, 0, false
	}
	start = min(max(off, h.start), end)
	return start, min(h.stop, end), true
}

// keep remembers an answer of NextData.
func (h *holes) keep(off, start, stop int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.off, h.start, h.stop = off, start, stop
}

// NextData is that of the volume, whose bytes never change.
func (v *Disk) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	if start, stop, ok := v.holes.answer(off, end); ok {
		return start, stop, ctx.Err()
	}
	if start, stop, err = v.Volume.NextData(ctx, off, end); err == nil {
		v.holes.keep(off, start, stop)
	}
	return start, stop, err
}
