package materialize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
)

// aheadBytes is how far comparing may be ahead of copying. It bounds the list
// of changes, and is enough to keep every processor busy with hashing.
const aheadBytes = 64 << 20

// change is a range in which the target differs from the volume.
type change struct {
	off, n int64
	zero   bool // the volume is zero there
}

// reader reads the target for a comparison.
type reader interface {
	ReadAt(p []byte, off int64) error
}

// update makes [off, end) of the target equal to the volume and writes only
// what differs. It compares on all processors, because a volume may be a single
// run, and copies in order.
func (w *worker) update(ctx context.Context, off, end int64) error {
	g, ctx := errgroup.WithContext(ctx)
	step := int64(w.bufs.size / 2)
	type part struct {
		n       int64
		changes chan []change
	}
	parts := make(chan part, max(aheadBytes/step, 1))
	g.Go(func() error {
		defer close(parts)
		busy := make(chan struct{}, w.o.Jobs)
		for ; off < end; off += step {
			from, to := off, min(off+step, end)
			p := part{n: to - from, changes: make(chan []change, 1)}
			select {
			case parts <- p:
			case <-ctx.Done():
				return ctx.Err()
			}
			busy <- struct{}{}
			g.Go(func() error {
				defer func() { <-busy }()
				changes, err := w.compare(ctx, w.t, from, to)
				if err == nil {
					p.changes <- changes
				}
				return err
			})
		}
		return nil
	})
	g.Go(func() error {
		var last []change // at most one change, which may still grow
		for p := range parts {
			var changes []change
			select {
			case changes = <-p.changes:
			case <-ctx.Done():
				return ctx.Err()
			}
			for _, c := range changes {
				p.n -= c.n
				if last = join(last, c); len(last) > 1 {
					if err := w.apply(ctx, last[0]); err != nil {
						return err
					}
					last = last[1:]
				}
			}
			w.o.Progress.skipped.Add(p.n)
		}
		if len(last) > 0 && ctx.Err() == nil {
			return w.apply(ctx, last[0])
		}
		return ctx.Err()
	})
	return g.Wait()
}

func (w *worker) apply(ctx context.Context, c change) error {
	if c.zero {
		return w.send(ctx, piece{off: c.off, n: c.n})
	}
	return w.copyData(ctx, c.off, c.off+c.n)
}

// join appends c, or extends the last change if c continues it.
func join(changes []change, c change) []change {
	if k := len(changes) - 1; k >= 0 && changes[k].zero == c.zero &&
		changes[k].off+changes[k].n == c.off {
		changes[k].n += c.n
		return changes
	}
	return append(changes, c)
}

// compare lists the changes in [off, end), which is at most half a buffer long.
func (p *pipeline) compare(ctx context.Context, r reader, off, end int64) (out []change,
	err error) {
	buf, err := p.bufs.get(ctx)
	if err != nil {
		return nil, err
	}
	defer p.bufs.put(buf)
	for off < end {
		start, stop, err := p.nextData(ctx, off, end)
		if err != nil {
			return nil, err
		}
		if out, err = p.compareZeros(r, buf, off, start, out); err != nil {
			return nil, err
		}
		if out, err = p.compareData(ctx, r, buf, start, stop, out); err != nil {
			return nil, err
		}
		off = stop
	}
	return out, nil
}

// compareZeros adds the blocks of [off, end) in which the target is not zero.
// It does not read the target's holes.
func (p *pipeline) compareZeros(r reader, buf []byte, off, end int64,
	out []change) ([]change, error) {
	for off < end {
		start, stop := p.t.nextData(off, end)
		if start >= stop {
			break
		}
		// Whole blocks, so that reads stay aligned.
		start, stop = max(off, start-start%p.block), min(end, roundUp(stop, p.block))
		q := buf[:stop-start]
		if err := r.ReadAt(q, start); err != nil {
			return nil, err
		}
		for i := int64(0); i < int64(len(q)); i += p.block {
			n := min(p.block, int64(len(q))-i)
			if !allZero(q[i : i+n]) {
				out = join(out, change{off: start + i, n: n, zero: true})
			}
		}
		off = stop
	}
	return out, nil
}

// compareData adds the ranges of [off, end) that differ: by digests or, where
// there are none, by their bytes.
func (p *pipeline) compareData(ctx context.Context, r reader, buf []byte, off, end int64,
	out []change) ([]change, error) {
	if off == end {
		return out, nil
	}
	q := buf[:end-off]
	if start, stop := p.t.nextData(off, end); r == reader(p.t) && start == stop {
		// The target has a hole where the volume has data. If there are digests
		// (asking for one block tells), count all of it as different without
		// comparing. Compare, which reads through another reader, must be exact
		// and does not come here.
		clear(q[:min(p.block, end-off)])
		if _, err := p.vol.Differs(ctx, q[:min(p.block, end-off)], off); err == nil {
			return join(out, change{off: off, n: end - off}), nil
		}
	}
	if err := r.ReadAt(q, off); err != nil {
		return nil, err
	}
	ranges, err := p.vol.Differs(ctx, q, off)
	if errors.Is(err, ErrNoDigests) {
		want := buf[len(buf)/2:][:end-off]
		if err := p.vol.ReadAt(ctx, want, off); err != nil {
			return nil, fmt.Errorf("read %d bytes of the backup at offset %d: %w",
				len(want), off, err)
		}
		for i := int64(0); i < int64(len(q)); i += p.block {
			n := min(p.block, int64(len(q))-i)
			if !bytes.Equal(q[i:i+n], want[i:i+n]) {
				out = join(out, change{off: off + i, n: n})
			}
		}
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("digests of the backup at offset %d: %w", off, err)
	}
	at := off
	for _, d := range ranges {
		if d.Off < at || d.Len <= 0 || d.Len > end-d.Off {
			return nil, fmt.Errorf("digests of the backup at offset %d: differences out of order",
				off)
		}
		out, at = join(out, change{off: d.Off, n: d.Len}), d.Off+d.Len
	}
	return out, nil
}

// compareAll compares [0, end) with Jobs readers. It passes the changes of each
// part to found, one call at a time, in any order.
func (p *pipeline) compareAll(ctx context.Context, r reader, end int64, done func(n int64),
	found func([]change)) error {
	part := roundUp(8<<20, p.block)
	g, ctx := errgroup.WithContext(ctx)
	var mu sync.Mutex
	var next int64
	take := func() int64 {
		mu.Lock()
		defer mu.Unlock()
		off := next
		next = min(end, off+part)
		return off
	}
	for range p.o.Jobs {
		g.Go(func() error {
			for off := take(); off < end; off = take() {
				var all []change
				stop := min(end, off+part)
				for off < stop {
					n := min(stop-off, int64(p.bufs.size/2))
					changes, err := p.compare(ctx, r, off, off+n)
					if err != nil {
						return err
					}
					for _, c := range changes {
						all = join(all, c)
					}
					off += n
					done(n)
				}
				mu.Lock()
				found(all)
				mu.Unlock()
			}
			return nil
		})
	}
	return g.Wait()
}
