package overlay

import (
	"context"
	"errors"
	"io"

	"github.com/restorefs/restorefs/fusefs/overlay/pagefile"
)

// Next returns where the run that starts at off ends, within [off, end), and
// whether it was written: its bytes are then in the overlay, else in the Base.
// The range must not be empty and must lie inside the volume.
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

// nextInPage is Next, but ends at the end of a page of the map.
func (o *Overlay) nextInPage(ctx context.Context, off, end int64) (stop int64, written bool,
	err error) {
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
	o.loaded(p, func(words *pagefile.Words) {
		if words == nil {
			from = to
			return
		}
		if written = pagefile.NextSet(words, from, to) == from; written {
			from = pagefile.NextClear(words, from, to)
		} else {
			from = pagefile.NextSet(words, from, to)
		}
	})
	return min(end, (first+int64(from))*blockBytes), written, nil
}

func (o *Overlay) has() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.exists
}

// readWritten fills p with the bytes at off, in a run that Next said was
// written.
func (o *Overlay) readWritten(p []byte, off int64) error {
	if _, err := o.data.ReadAt(p, off); err != nil {
		if errors.Is(err, io.EOF) {
			err = damaged("its data file is too short")
		}
		return o.wrap("read", off, err)
	}
	return nil
}
