package overlay

import (
	"bytes"
	"context"
	"fmt"
	"iter"
)

// Range is a range of bytes of a volume.
type Range = struct{ Off, Len int64 }

// Lower is the volume below an overlay where both are copied, like a Source of package materialize.
type Lower interface {
	Base

	// Size is the size of the volume in bytes.
	Size() int64

	// Align is the size in bytes of the blocks that the volume is best read in, and
	// that Differs compares.
	Align() int

	// Runs splits the volume into ranges that are best read front to back by one
	// reader each.
	Runs(ctx context.Context) iter.Seq2[Range, error]

	// Differs returns, in order, the ranges in which p, which lies at off, is not
	// what the volume holds there.
	Differs(ctx context.Context, p []byte, off int64) ([]Range, error)
}

// Layered is a volume with an overlay, to be copied. Written bytes have no digests, so Differs
// compares them byte by byte.
type Layered struct {
	Lower // the one below; Size, Align and Runs are its
	over  *Overlay
}

// Over returns the volume v with o over it. v is the Base that o was opened on.
func (o *Overlay) Over(v Lower) *Layered { return &Layered{Lower: v, over: o} }

// part is a range of whole blocks, of which the overlay has all, or nothing, or a part of each
// block.
type part struct {
	off, end int64
	touched  bool // the overlay has something
	whole    bool // the overlay has all
}

// parts splits [off, end), in order, into parts of blocks of align bytes, of which
// the first and the last may be cut off.
func (o *Overlay) parts(ctx context.Context, off, end, align int64) iter.Seq2[part, error] {
	return func(yield func(part, error) bool) {
		for at := off; at < end; {
			stop, written, err := o.Next(ctx, at, end)
			if err != nil {
				yield(part{}, err)
				return
			}
			p := part{at, stop, written, written}
			if begun := stop / align * align; stop < end && begun < stop {
				if p.end = begun; begun <= at { // the run ends inside its first block
					p = part{at, min(end, begun+align), true, false}
				}
			}
			if !yield(p, nil) {
				return
			}
			at = p.end
		}
	}
}

// merge fills p with the bytes at off. below reads the volume below, in ranges of blocks of align
// bytes; it is not called for blocks that are completely in the overlay.
func (o *Overlay) merge(ctx context.Context, p []byte, off, align int64,
	below func(p []byte, off int64) error) error {
	for part, err := range o.parts(ctx, off, off+int64(len(p)), align) {
		if err != nil {
			return err
		}
		q := p[part.off-off : part.end-off]
		switch {
		case part.whole:
			err = o.readWritten(q, part.off)
		case part.touched:
			if err = below(q, part.off); err == nil {
				// Overwrite with the overlay's own blocks: all that was read below lies in these.
				err = o.merge(ctx, q, part.off, blockBytes,
					func([]byte, int64) error { return nil })
			}
		default:
			err = below(q, part.off)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Merge is ReadAt for a caller that reads the volume below in a way of its own. below fills p with
// the bytes at off; it is called for one range after another, in order, and its error is returned
// unchanged.
func (o *Overlay) Merge(ctx context.Context, p []byte, off int64,
	below func(p []byte, off int64) error) error {
	if err := o.check(off, int64(len(p))); err != nil {
		return err
	}
	return o.merge(ctx, p, off, blockBytes, below)
}

// ReadAt fills all of p with the bytes at off, written ones or the Base's, or fails.
func (o *Overlay) ReadAt(ctx context.Context, p []byte, off int64) error {
	return o.Merge(ctx, p, off,
		func(p []byte, off int64) error { return o.base.ReadAt(ctx, p, off) })
}

// NextData returns the first range [start, stop) within [off, end) of bytes that are not known to
// be zero; start == stop if there is none. Adjacent ranges may be returned one by one. It reads no
// data.
func (o *Overlay) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	end = min(end, o.key.Size)
	for part, err := range o.parts(ctx, off, end, blockBytes) {
		if err != nil {
			return 0, 0, err
		}
		if part.whole {
			if start, stop, err = o.data.NextData(part.off, part.end); err != nil {
				return 0, 0, o.wrap("look for data", part.off, err)
			}
		} else if start, stop, err = o.base.NextData(ctx, part.off, part.end); err != nil {
			return 0, 0, err
		}
		if start < stop {
			return start, stop, nil
		}
	}
	return end, end, nil
}

// ReadAt fills all of p with the bytes at off, or fails. It reads each block of the volume below at
// most once, and none that is completely in the overlay.
func (l *Layered) ReadAt(ctx context.Context, p []byte, off int64) error {
	return l.over.merge(ctx, p, off, int64(l.Align()),
		func(p []byte, off int64) error { return l.Lower.ReadAt(ctx, p, off) })
}

// NextData is Overlay.NextData.
func (l *Layered) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	return l.over.NextData(ctx, off, end)
}

// Differs returns, in order, the ranges in which p differs from the volume at off. The volume below
// compares blocks that were not written to; the others are compared by their bytes.
func (l *Layered) Differs(ctx context.Context, p []byte, off int64) (out []Range, err error) {
	align := int64(l.Align())
	for part, err := range l.over.parts(ctx, off, off+int64(len(p)), align) {
		if err != nil {
			return nil, err
		}
		q := p[part.off-off : part.end-off]
		if !part.touched {
			ranges, err := l.Lower.Differs(ctx, q, part.off)
			if err != nil {
				return nil, err
			}
			out = append(out, ranges...)
			continue
		}
		want := make([]byte, min(align, int64(len(q))))
		for at := part.off; at < part.end; {
			b := want[:min(int64(len(want)), part.end-at)]
			if err := l.ReadAt(ctx, b, at); err != nil {
				return nil, fmt.Errorf("compare what was written at offset %d: %w", at, err)
			}
			if !bytes.Equal(b, q[at-part.off:][:len(b)]) {
				out = append(out, Range{Off: at, Len: int64(len(b))})
			}
			at += int64(len(b))
		}
	}
	return out, nil
}
