package overlay

import (
	"context"
	"errors"
	"io"
)

// Next returns where the run that starts at off ends, in [off, end), and
// whether it was written: then ReadWritten has its bytes, else the Base.
// off < end, inside the volume.
func (o *Overlay) Next(ctx context.Context, off, end int64) (stop int64, written bool, err error) {
	if err := o.check(off, end-off); err != nil {
		return 0, false, err
	}
	for stop = off; stop < end; {
		to, w, err := o.nextInPage(ctx, stop, end)
		if err != nil {
			return 0, false, o.wrap("look at the map", stop, err)
		}
		if stop > off && w != written {
			break
		}
		stop, written = to, w
	}
	return stop, written, nil
}

// nextInPage is Next, but ends with a page of the map.
func (o *Overlay) nextInPage(ctx context.Context, off, end int64) (stop int64, written bool, err error) {
	if !o.has() {
		return end, false, nil
	}
	block := off / blockBytes
	index := block / pageBlocks
	p, err := o.pin(ctx, index)
	if err != nil {
		return 0, false, err
	}
	defer o.unpin(p)
	first := index * pageBlocks
	from, to := int(block-first), int(min(pageBlocks, roundUp(end)/blockBytes-first))
	o.loaded(p, func(words *[pageWords]uint64) {
		if words == nil {
			from = to
			return
		}
		if written = nextSet(words, from, to) == from; written {
			from = nextClear(words, from, to)
		} else {
			from = nextSet(words, from, to)
		}
	})
	return min(end, (first+int64(from))*blockBytes), written, nil
}

func (o *Overlay) has() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.exists
}

// ReadWritten fills p with the bytes at off, in a run that Next said was
// written.
func (o *Overlay) ReadWritten(p []byte, off int64) error {
	if _, err := o.data.ReadAt(p, off); err != nil {
		if errors.Is(err, io.EOF) {
			err = damaged("its data file is too short")
		}
		return o.wrap("read", off, err)
	}
	return nil
}

// ReadAt fills p whole with the bytes at off, written ones and the Base's, or
// fails.
func (o *Overlay) ReadAt(ctx context.Context, p []byte, off int64) error {
	if err := o.check(off, int64(len(p))); err != nil {
		return err
	}
	for len(p) > 0 {
		stop, written, err := o.Next(ctx, off, off+int64(len(p)))
		if err != nil {
			return err
		}
		n := stop - off
		if written {
			err = o.ReadWritten(p[:n], off)
		} else {
			err = o.base.ReadAt(ctx, p[:n], off)
		}
		if err != nil {
			return err
		}
		p, off = p[n:], stop
	}
	return nil
}

// NextData returns the first range [start, stop) at or after off, and before
// end, of bytes not known to be zero; start == stop when there is none.
// Adjacent ranges may come one by one. It reads no data.
func (o *Overlay) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	end = min(end, o.key.Size)
	for off < end {
		run, written, err := o.Next(ctx, off, end)
		if err != nil {
			return 0, 0, err
		}
		if written {
			if start, stop, err = o.data.NextData(off, run); err != nil {
				return 0, 0, o.wrap("look for data", off, err)
			}
		} else if start, stop, err = o.base.NextData(ctx, off, run); err != nil {
			return 0, 0, err
		}
		if start < stop {
			return start, stop, nil
		}
		off = run
	}
	return end, end, nil
}
