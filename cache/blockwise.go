package cache

import "context"

// A span that fails may have one damaged block and many good ones. Each of its readers then loads
// the blocks that it asked for, one by one, into a buffer of its own: no reader fails for a block
// that it did not ask for, and an incomplete span is never shared.

// refuse notes that the span of w failed when it was loaded alone. It returns err if the reader
// asked for all blocks of that span, so that there is nothing left to try.
func (v *Cached) refuse(w *want, err error) error {
	if from, to := v.blocks(w); to-from == v.end(w.index)-w.index*int64(v.span) {
		return err
	}
	w.failed = err
	return nil
}

// blocks returns the range of the blocks that hold the bytes the reader asked
// for.
func (v *Cached) blocks(w *want) (from, to int64) {
	align := int64(v.align)
	return w.off / align * align, min((w.off+int64(w.n)+align-1)/align*align, v.size)
}

// loadBlockwise loads the blocks that the reader asked for from spans that failed.
func (r *request) loadBlockwise(ctx context.Context) error {
	for i := range r.wants {
		w := &r.wants[i]
		if w.failed == nil {
			continue
		}
		if err := r.v.loadBlocks(ctx, w); err != nil {
			return err
		}
		w.failed = nil
	}
	return nil
}

// loadBlocks loads the blocks that the reader asked for one by one, into a private span.
func (v *Cached) loadBlocks(ctx context.Context, w *want) error {
	c := v.c
	if err := c.enter(ctx); err != nil {
		return err
	}
	defer c.leave()
	c.count.blockwise.Add(1)
	start := w.index * int64(v.span)
	from, to := v.blocks(w)
	for off := from; off < to; off += int64(v.align) {
		end := min(off+int64(v.align), to)
		origin, err := v.loadBytes(ctx, w.span.buf[off-start:end-start], off)
		if err != nil {
			return err
		}
		w.origin = max(w.origin, origin)
	}
	return nil
}
