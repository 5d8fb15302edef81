package live

import (
	"context"
	"fmt"
	"sync"
)

const (
	// pieceBytes is how much is copied, written or compared at once.
	pieceBytes = 1 << 20
	// alignedBytes is the least that Go allocates at the start of a page, as devices want of
	// buffers that go past the page cache.
	alignedBytes = 32 << 10
)

// Buffer returns n bytes that can go past the page cache.
func Buffer(n int) []byte { return make([]byte, max(n, alignedBytes))[:n:n] }

// smallWrite is the most that the guest writes at random: 128 such writes at a time take less than
// 10 MiB.
const smallWrite = 64 << 10

// Buffers for the guest's writes: the request, and a block before and behind.
var smallWrites, writes = writeBuffers(smallWrite), writeBuffers(pieceBytes)

func writeBuffers(most int) *sync.Pool {
	return &sync.Pool{New: func() any {
		b := Buffer(most + 2*blockBytes)
		return &b
	}}
}

// WriteAt writes p, which lies inside the volume, at off, for the guest. If it fails any part of p
// may have been written, each block being as before or as in p. Every reader sees what was written;
// after a crash it is there if it was synced.
func (v *Volume) WriteAt(ctx context.Context, p []byte, off int64) error {
	if err := v.check(off, int64(len(p))); err != nil || len(p) == 0 {
		return err
	}
	defer v.gate.enter()()
	end := off + int64(len(p))
	return v.change(ctx, "write", off, end, func() error {
		for off < end {
			// Whole pieces, so that the buffer suffices.
			to := min(end, (off/pieceBytes+1)*pieceBytes)
			if err := v.writePiece(ctx, p[:to-off], off); err != nil {
				return err
			}
			p, off = p[to-off:], to
		}
		return nil
	})
}

// change runs f, which changes [off, end) for the guest, while nobody else changes these blocks.
func (v *Volume) change(ctx context.Context, doing string, off, end int64, f func() error) error {
	release, err := v.changing.Claim(ctx, blockStart(off), blockEnd(end))
	if err != nil {
		return err
	}
	defer release()
	if _, err := v.state(); err != nil {
		return err
	}
	defer v.touched()
	if err := f(); err != nil {
		return fmt.Errorf("%s %d bytes at offset %d: %w", doing, end-off, off, err)
	}
	return nil
}

// writePiece writes p, which lies within a piece. Blocks of which only a part is written are
// completed first: if they cannot be read nothing has been changed.
func (v *Volume) writePiece(ctx context.Context, p []byte, off int64) error {
	end := off + int64(len(p))
	start, stop := blockStart(off), min(blockEnd(end), v.Size())
	buffers := writes
	if len(p) <= smallWrite {
		buffers = smallWrites
	}
	pooled := buffers.Get().(*[]byte)
	defer buffers.Put(pooled)
	b := (*pooled)[:stop-start]
	lastBlock := blockStart(end - 1)
	if off > start || lastBlock == start && end < stop {
		if err := v.content(ctx, b[:min(blockBytes, stop-start)], start); err != nil {
			return err
		}
	}
	if end < stop && lastBlock > start {
		if err := v.content(ctx, b[lastBlock-start:], lastBlock); err != nil {
			return err
		}
	}
	copy(b[off-start:], p)
	return v.eachPage(ctx, start, stop, func(pg *page, from, to int64) error {
		if err := v.announce(ctx, pg, from, to); err != nil {
			return err
		}
		if err := v.dev.WriteAt(b[from-start:to-start], from); err != nil {
			v.spoil(from)
			return err
		}
		v.set(pg, from/blockBytes, blockEnd(to)/blockBytes, validBit|guestBit)
		return nil
	})
}

// content fills p with a block as it is now.
func (v *Volume) content(ctx context.Context, p []byte, off int64) error {
	_, valid, err := v.Valid(ctx, off, off+int64(len(p)))
	if err == nil && valid {
		return v.dev.ReadAt(p, off)
	}
	if err == nil {
		err = v.base.ReadAt(ctx, p, off)
	}
	if err != nil {
		return fmt.Errorf("read the block that is changed in part: %w", err)
	}
	return nil
}

// eachPage calls f for each page of the map with the part of [off, end) that lies in it. The page
// is pinned.
func (v *Volume) eachPage(ctx context.Context, off, end int64,
	f func(pg *page, from, to int64) error) error {
	for off < end {
		to := min(end, (off/pageSpan+1)*pageSpan)
		pg, err := v.room(ctx, off/pageSpan)
		if err != nil {
			return err
		}
		err = f(pg, off, to)
		v.unpin(pg)
		if err != nil {
			return err
		}
		off = to
	}
	return nil
}

// pageSpan is how many bytes of the volume a page of the map tells about.
const pageSpan = pageBlocks * blockBytes

// announce is called before the guest's data goes onto blocks of a page: what is valid there is its
// from now on.
func (v *Volume) announce(ctx context.Context, pg *page, from, to int64) error {
	first, last := from/blockBytes, blockEnd(to)/blockBytes
	v.mu.Lock()
	v.claimValid(pg, int(first-pg.index*pageBlocks), int(last-pg.index*pageBlocks))
	v.mu.Unlock()
	return v.intend(ctx, pg, first, last)
}

// claimValid gives the guest the valid ones of the blocks [lo, hi) of a page. Called with mu held.
func (v *Volume) claimValid(pg *page, lo, hi int) {
	for pg.words != nil && lo < hi {
		lo = next(pg.words, lo, hi, validBit, true)
		stop := next(pg.words, lo, hi, validBit, false)
		v.marked(pg, lo, stop, guestBit)
		lo = stop
	}
}

// Zero makes n bytes at off, inside the volume, zero, for the guest, in the device's own way. The
// errors are those of WriteAt.
func (v *Volume) Zero(ctx context.Context, off, n int64) error {
	if err := v.check(off, n); err != nil {
		return err
	}
	defer v.gate.enter()()
	for end := off + n; off < end; {
		// In steps, as a device without a command for that takes long.
		to := min(end, (off/pageSpan+1)*pageSpan)
		err := v.change(ctx, "zero", off, to, func() error { return v.zeroStep(ctx, off, to) })
		if err != nil {
			return err
		}
		off = to
	}
	return nil
}

// zeroStep is Zero within one page of the map.
func (v *Volume) zeroStep(ctx context.Context, off, end int64) error {
	from, to := blockEnd(off), blockStart(end)
	if end == v.Size() {
		to = end
	}
	if from >= to { // no whole block
		return v.writePiece(ctx, make([]byte, end-off), off)
	}
	for _, edge := range [][2]int64{{off, from}, {to, end}} {
		if edge[0] < edge[1] {
			if err := v.writePiece(ctx, make([]byte, edge[1]-edge[0]), edge[0]); err != nil {
				return err
			}
		}
	}
	// What is not valid yet and zero in the backup needs nothing: it is made zero with all holes.
	return v.runs(ctx, from, to, validBit, func(from, to int64, valid bool) error {
		for from < to {
			start, stop := from, to
			if !valid {
				var err error
				if start, stop, err = v.src.NextData(ctx, from, to); err != nil {
					return err
				}
				if start == stop {
					return nil
				}
				start, stop = blockStart(start), min(blockEnd(stop), to)
			}
			err := v.eachPage(ctx, start, stop, func(pg *page, from, to int64) error {
				if err := v.announce(ctx, pg, from, to); err != nil {
					return err
				}
				if err := v.dev.Zero(from, to-from); err != nil {
					v.spoil(from)
					return err
				}
				v.set(pg, from/blockBytes, blockEnd(to)/blockBytes, validBit|guestBit)
				return nil
			})
			if err != nil {
				return err
			}
			from = stop
		}
		return nil
	})
}
