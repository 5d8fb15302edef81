package overlay

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/restorefs/restorefs/fusefs/overlay/pagefile"
)

// WriteAt writes p, which lies inside the volume, at off. If it fails, any part
// of p may have been written, each block being as before or as in p. If there
// is no space the error is syscall.ENOSPC or EDQUOT. Every reader sees what was
// written; after a crash it is there if it was synced.
func (o *Overlay) WriteAt(ctx context.Context, p []byte, off int64) error {
	if err := o.check(off, int64(len(p))); err != nil || len(p) == 0 {
		return err
	}
	end := off + int64(len(p))
	return o.change(ctx, "write", off, end, func() error {
		return o.eachPage(ctx, off, end, func(pg *page, from, to int64) error {
			return o.writePage(ctx, pg, p[from-off:to-off], from)
		})
	})
}

// change runs f, which changes [off, end), while no other goroutine changes
// these blocks.
func (o *Overlay) change(ctx context.Context, doing string, off, end int64, f func() error) error {
	unlock, err := o.changing.Claim(ctx, off/blockBytes*blockBytes, roundUp(end))
	if err != nil {
		return o.wrap(doing, off, err)
	}
	defer unlock()
	if _, err := o.state(); err != nil {
		return o.wrap(doing, off, err)
	}
	if err := o.create(ctx); err != nil {
		return o.wrap("make its files to "+doing, off, err)
	}
	err = f()
	o.touched()
	if err != nil {
		return o.wrap(doing, off, err)
	}
	return nil
}

// touched notes that the data file may have been changed, and schedules a sync.
func (o *Overlay) touched() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.written++
	o.syncLater()
}

// syncLater starts a timer that syncs. Called with mu held.
func (o *Overlay) syncLater() {
	if o.flush == nil && o.failed == nil {
		o.flush = time.AfterFunc(o.o.flushEvery, o.flushLater)
	}
}

// eachPage calls f for each page of the map with the part of [off, end) that
// lies in it. Space for the page is allocated in the map file, and the page is
// pinned.
func (o *Overlay) eachPage(ctx context.Context, off, end int64,
	f func(pg *page, from, to int64) error) error {
	for off < end {
		to := min(end, pageEnd(off))
		pg, err := o.room(ctx, off/pageSpan)
		if err != nil {
			return err
		}
		err = f(pg, off, to)
		o.unpin(pg)
		if err != nil {
			return err
		}
		off = to
	}
	return nil
}

// room pins a page and makes sure that the map file has space for it: Sync must
// not fail for data that was accepted.
func (o *Overlay) room(ctx context.Context, index int64) (*page, error) {
	o.mu.Lock()
	full := o.dirty >= o.o.maxDirty
	o.mu.Unlock()
	if full {
		if err := o.Sync(ctx); err != nil {
			return nil, err
		}
	}
	p, err := o.pin(ctx, index)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	roomy, fresh := p.roomy, p.generation == 0
	o.mu.Unlock()
	if roomy {
		return p, nil
	}
	err = o.index.Allocate(slotOffset(index, 0), pageBytes)
	if errors.Is(err, syscall.EOPNOTSUPP) {
		err = nil
		if fresh { // other goroutines that need the page's space write zeros as well
			err = o.zeroSlots(ctx, p)
		}
	}
	if err != nil {
		o.unpin(p)
		return nil, fmt.Errorf("take room in the map: %w", err)
	}
	o.mu.Lock()
	p.roomy = true
	o.mu.Unlock()
	return p, nil
}

// zeroSlots allocates the space of a page that was never written by writing
// zeros, for file systems that cannot allocate otherwise.
func (o *Overlay) zeroSlots(ctx context.Context, p *page) error {
	if err := o.take(ctx); err != nil { // so that no Sync writes the page meanwhile
		return err
	}
	defer o.give()
	o.mu.Lock()
	fresh := p.generation == 0
	o.mu.Unlock()
	if !fresh {
		return nil
	}
	_, err := o.index.WriteAt(make([]byte, pageBytes), slotOffset(p.index, 0))
	return err
}

// writePage writes p, which lies within one page of the map, at off.
func (o *Overlay) writePage(ctx context.Context, pg *page, p []byte, off int64) error {
	end := off + int64(len(p))
	first, last := off/blockBytes, (end-1)/blockBytes
	// Partly written blocks are completed first: if reading them fails, nothing
	// has been changed.
	var head, tail []byte
	var err error
	if off%blockBytes != 0 || first == last && o.partial(off, end) {
		if head, err = o.copyUp(ctx, pg, first); err != nil {
			return err
		}
	}
	if last > first && o.partial(last*blockBytes, end) {
		if tail, err = o.copyUp(ctx, pg, last); err != nil {
			return err
		}
	}
	if head != nil {
		n := copy(head[off-first*blockBytes:], p)
		if err := o.writeData(head, first*blockBytes); err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	whole := p
	if tail != nil {
		whole = p[:last*blockBytes-off]
		copy(tail, p[len(whole):])
	}
	if len(whole) > 0 {
		if err := o.writeData(whole, off); err != nil {
			return err
		}
	}
	if tail != nil {
		if err := o.writeData(tail, last*blockBytes); err != nil {
			return err
		}
	}
	o.set(pg, first, last+1)
	return nil
}

// partial says whether [off, end), which lies in one block, is less than the
// volume's part of that block.
func (o *Overlay) partial(off, end int64) bool {
	start := off / blockBytes * blockBytes
	return off != start || end < min(start+blockBytes, o.key.Size)
}

// copyUp returns a block of the volume below, nil if the data file has the
// block.
func (o *Overlay) copyUp(ctx context.Context, pg *page, block int64) ([]byte, error) {
	var has bool
	o.loaded(pg, func(words *pagefile.Words) {
		bit := block - pg.index*pageBlocks
		has = words != nil && words[bit/64]>>(bit%64)&1 == 1
	})
	if has {
		return nil, nil
	}
	off := block * blockBytes
	p := make([]byte, min(blockBytes, o.key.Size-off))
	if err := o.base.ReadAt(ctx, p, off); err != nil {
		return nil, fmt.Errorf("read the block that is changed in part: %w", err)
	}
	return p, nil
}

func (o *Overlay) writeData(p []byte, off int64) error {
	_, err := o.data.WriteAt(p, off)
	return err
}

// Zero makes n bytes at off, inside the volume, zero, and frees the space of
// whole blocks in the data file. The errors are those of WriteAt.
func (o *Overlay) Zero(ctx context.Context, off, n int64) error {
	if err := o.check(off, n); err != nil || n == 0 {
		return err
	}
	end := off + n
	if !o.has() { // mkfs and fstrim do this all over the disk
		if start, stop, err := o.base.NextData(ctx, off, end); err == nil && start >= stop {
			return nil
		}
	}
	return o.change(ctx, "zero", off, end, func() error {
		for off < end {
			to := min(end, pageEnd(off))
			zero, err := o.isZero(ctx, off, to)
			if err == nil && !zero {
				err = o.eachPage(ctx, off, to, func(pg *page, from, to int64) error {
					return o.zeroPage(ctx, pg, from, to)
				})
			}
			if err != nil {
				return err
			}
			off = to
		}
		return nil
	})
}

// isZero says whether nothing was written to [off, end), which lies in one page
// of the map, and the volume below is known to be zero there: zeroing it then
// takes no space.
func (o *Overlay) isZero(ctx context.Context, off, end int64) (bool, error) {
	stop, written, err := o.nextInPage(ctx, off, end)
	if err != nil || written || stop < end {
		return false, err
	}
	start, stop, err := o.base.NextData(ctx, off, end)
	return err == nil && start >= stop, ctx.Err()
}

// zeroPage is Zero within one page of the map.
func (o *Overlay) zeroPage(ctx context.Context, pg *page, off, end int64) error {
	from, to := roundUp(off), end
	if end < o.key.Size {
		to = end / blockBytes * blockBytes
	}
	if from >= to { // no whole block
		return o.writePage(ctx, pg, make([]byte, end-off), off)
	}
	for _, edge := range [][2]int64{{off, from}, {to, end}} {
		if edge[0] < edge[1] {
			if err := o.writePage(ctx, pg, make([]byte, edge[1]-edge[0]), edge[0]); err != nil {
				return err
			}
		}
	}
	if err := o.data.Punch(from, to-from); err != nil {
		return err
	}
	// Where the volume below is zero too, no bit is needed.
	for from < to {
		start, stop, err := o.base.NextData(ctx, from, to)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			start, stop = from, to
		case start >= stop:
			return nil
		}
		o.set(pg, start/blockBytes, roundUp(stop)/blockBytes)
		from = stop
	}
	return nil
}

// Allocate allocates space for n bytes at off, inside the volume, so that
// writes there do not fail for lack of it. The bytes do not change. The error
// is syscall.EOPNOTSUPP if the file system cannot do that.
func (o *Overlay) Allocate(ctx context.Context, off, n int64) error {
	if err := o.check(off, n); err != nil || n == 0 {
		return err
	}
	end := min(roundUp(off+n), o.key.Size)
	return o.change(ctx, "allocate", off, off+n, func() error {
		err := o.eachPage(ctx, off, off+n, func(*page, int64, int64) error { return ctx.Err() })
		if err != nil {
			return err
		}
		off -= off % blockBytes
		return o.data.Allocate(off, end-off)
	})
}

// pageSpan is the number of bytes of the volume that a page of the map
// describes.
const pageSpan = pageBlocks * blockBytes

// pageEnd returns the end of the bytes that are described by the page of off.
func pageEnd(off int64) int64 { return (off/pageSpan + 1) * pageSpan }

// roundUp returns the end of the block that ends at off or behind it.
func roundUp(off int64) int64 { return (off + blockBytes - 1) / blockBytes * blockBytes }
