package cache

import "context"

// A span that fails by itself may have one damaged block and many good ones. Its readers then get their own blocks, loaded one by one
// into a buffer of their own: no reader pays for another's blocks, and nothing incomplete is ever shared.

// refuse notes that the span of w failed by itself; it returns err unless there is hope for the reader's own part of it.
func (v *Volume) refuse(w *want, err error) error {
	if from, to := v.blocks(w); to-from == v.end(w.index)-w.index*int64(v.span) {
		return err
	}
	w.failed = err
	return nil
}

// blocks returns the range of the blocks that hold the reader's own bytes of w.
func (v *Volume) blocks(w *want) (from, to int64) {
	align := int64(v.align)
	return w.off / align * align, min((w.off+int64(w.n)+align-1)/align*align, v.size)
}

// salvage loads the reader's own blocks of the spans that failed.
func (r *request) salvage(ctx context.Context) error {
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

// loadBlocks loads the reader's own blocks of w one by one, into a span that nobody else sees.
func (v *Volume) loadBlocks(ctx context.Context, w *want) error {
	c := v.c
	if err := c.enter(ctx); err != nil {
		return err
	}
	defer c.leave()
	c.count.salvages.Add(1)
	start := w.index * int64(v.span)
	from, to := v.blocks(w)
	for off := from; off < to; off += int64(v.align) {
		end := min(off+int64(v.align), to)
		origin, err := v.load(ctx, w.span.buf[off-start:end-start], off)
		if err != nil {
			return err
		}
		w.origin = max(w.origin, origin)
	}
	return nil
}
