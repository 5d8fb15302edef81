package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// FillOptions say how what the guest has not written is copied. The zero value is one worker
// without a limit.
type FillOptions struct {
	Jobs int // parallel readers of the backup, at least one
	// Wait is called before a piece of n bytes is read, to keep a rate; nil: there is none.
	Wait func(ctx context.Context, n int64) error
}

const (
	// A share that does not answer is asked again, after longer and longer.
	againLeast = time.Second
	againMost  = 30 * time.Second

	writesEach = 4 // pieces that each worker may have on their way to the device
)

// Fill copies what is not valid, and makes zero on the device what is a hole in the backup, until
// nothing is missing but what the backup cannot give, which Lost tells then. Where the share does
// not answer it tries again until ctx ends.
func (v *Volume) Fill(ctx context.Context, o FillOptions) error {
	if err := v.count(ctx); err != nil {
		return err
	}
	whole := ctx
	g, ctx := errgroup.WithContext(whole)
	g.Go(func() error { return v.zeroHoles(ctx) })
	runs := make(chan Range)
	g.Go(func() error {
		defer close(runs)
		return v.feed(ctx, runs)
	})
	for range max(o.Jobs, 1) {
		g.Go(func() error { return v.fillRuns(ctx, runs, o) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := v.zeroSpoiled(whole); err != nil {
		return err
	}
	return v.stillLost(whole)
}

// count counts the backup's data, once.
func (v *Volume) count(ctx context.Context) error {
	v.passed.Store(0)
	v.mu.Lock()
	counted := v.last.data > 0
	v.mu.Unlock()
	if counted {
		return nil
	}
	total := int64(0)
	err := v.eachData(ctx, 0, v.Size(), func(off, end int64) error {
		total += end - off
		return nil
	})
	if err != nil {
		return err
	}
	if err := v.take(ctx); err != nil {
		return err
	}
	defer v.give()
	next := v.snapshot()
	next.data, next.zeroed = total, 0
	return v.record(next)
}

// eachData calls f for the ranges of whole blocks in [off, end) that are not known to be zero.
func (v *Volume) eachData(ctx context.Context, off, end int64, f func(off, end int64) error) error {
	for off < end {
		start, stop, err := v.src.NextData(ctx, off, end)
		if err == nil && start < stop && (start < off || stop > end) {
			err = fmt.Errorf("got [%d, %d)", start, stop)
		}
		if err != nil {
			return fmt.Errorf("find data of the backup from offset %d on: %w", off, err)
		}
		if start == stop {
			return nil
		}
		start, stop = max(off, blockStart(start)), min(end, blockEnd(stop))
		if err := f(start, stop); err != nil {
			return err
		}
		off = stop
	}
	return nil
}

// feed hands out what is best read by one reader each, in whole blocks.
func (v *Volume) feed(ctx context.Context, runs chan<- Range) error {
	align, end, fed := v.align(), int64(0), int64(0)
	for r, err := range v.src.Runs(ctx) {
		if err != nil {
			return fmt.Errorf("plan the reading of the backup at offset %d: %w", end, err)
		}
		if r.Off != end || r.Len < 0 || r.Len > v.Size()-end {
			return fmt.Errorf("plan the reading of the backup: after offset %d comes %d, %d bytes "+
				"long", end, r.Off, r.Len)
		}
		to := r.Off + r.Len
		if end = to; to < v.Size() {
			to -= to % align
		}
		if to <= fed {
			continue
		}
		select {
		case runs <- Range{Off: fed, Len: to - fed}:
		case <-ctx.Done():
			return ctx.Err()
		}
		fed = to
	}
	if end != v.Size() {
		return fmt.Errorf("plan the reading of the backup: it ends at offset %d of %d", end,
			v.Size())
	}
	return nil
}

// align is the unit in which the backup is read: of its digests and of the map.
func (v *Volume) align() int64 { return commonUnit(v.src.Align()) }

// commonUnit returns the least multiple of blocks of digests and of the map.
func commonUnit(align int) int64 {
	a, b := int64(align), int64(blockBytes)
	for b != 0 {
		a, b = b, a%b
	}
	return int64(align) / a * blockBytes
}

// pieceOf returns how much is copied at once of a backup with digests of blocks of align bytes.
func pieceOf(unit int64) int64 { return max(pieceBytes/unit, 1) * unit }

// JobBytes is the memory that each of FillOptions.Jobs takes for a backup with digests of blocks of
// align bytes.
func JobBytes(align int) int64 { return writesEach * pieceOf(commonUnit(align)) }

// filler is a worker that copies.
type filler struct {
	v     *Volume
	o     FillOptions
	free  chan []byte // buffers
	write *errgroup.Group
	piece int64
}

func (v *Volume) fillRuns(ctx context.Context, runs <-chan Range, o FillOptions) error {
	w := &filler{v: v, o: o, piece: pieceOf(v.align()), free: make(chan []byte, writesEach)}
	w.write, ctx = errgroup.WithContext(ctx)
	w.write.SetLimit(writesEach)
	for range writesEach {
		w.free <- nil
	}
	for r := range runs {
		err := v.eachData(ctx, r.Off, r.Off+r.Len, func(off, end int64) error {
			return w.data(ctx, off, end)
		})
		if err != nil {
			return errors.Join(w.write.Wait(), err)
		}
	}
	return w.write.Wait()
}

// data copies [off, end), which is data of the backup.
func (w *filler) data(ctx context.Context, off, end int64) error {
	for off < end {
		to := min(end, (off/w.piece+1)*w.piece)
		stop, valid, err := w.v.Valid(ctx, off, to)
		if err != nil {
			return err
		}
		if align := w.v.align(); valid {
			if stop < to { // what is missing begins in a block of digests
				stop = max(off, stop/align*align)
			}
			w.v.passed.Add(stop - off)
			off = stop
		}
		if off < to {
			if err := w.copy(ctx, off, to); err != nil {
				return err
			}
			off = to
		}
	}
	return nil
}

// copy copies a piece. Writing it goes on behind the caller's back.
func (w *filler) copy(ctx context.Context, off, end int64) error {
	v := w.v
	if err := v.gate.wait(ctx); err != nil {
		return err
	}
	if w.o.Wait != nil {
		if err := w.o.Wait(ctx, end-off); err != nil {
			return err
		}
	}
	var b []byte
	select {
	case b = <-w.free:
	case <-ctx.Done():
		return ctx.Err()
	}
	if b == nil {
		b = Buffer(int(w.piece))
	}
	lost, err := w.read(ctx, b[:end-off], off)
	if err != nil {
		w.free <- b
		return err
	}
	v.copied.Add(end - off)
	for _, r := range lost {
		v.copied.Add(-r.Len)
	}
	w.write.Go(func() error {
		defer func() { w.free <- b }()
		for at := off; at < end; {
			stop := end
			if len(lost) > 0 {
				stop = lost[0].Off
			}
			if at < stop {
				if err := v.fillPiece(ctx, b[at-off:stop-off], at); err != nil {
					return err
				}
			}
			if at = stop; len(lost) > 0 {
				at, lost = lost[0].Off+lost[0].Len, lost[1:]
			}
		}
		v.passed.Add(end - off)
		return nil
	})
	return nil
}

// read fills p with the backup's bytes at off, and returns the ranges that it cannot give, in
// order.
func (w *filler) read(ctx context.Context, p []byte, off int64) (lost []Range, err error) {
	err = w.v.patient(ctx, p, off)
	if err == nil || !w.v.o.Damaged(err) {
		return nil, err
	}
	// Which part of it is damaged?
	step := w.v.align()
	for at := off; at < off+int64(len(p)); at += step - at%step {
		q := p[at-off : min(at+step-at%step, off+int64(len(p)))-off]
		err := w.v.patient(ctx, q, at)
		switch {
		case err != nil && w.v.o.Damaged(err):
			w.v.lose(at, int64(len(q)), err)
			lost = append(lost, Range{Off: at, Len: int64(len(q))})
		case err != nil:
			return nil, err
		}
	}
	return lost, nil
}

// patient reads from the backup, again and again while the share does not answer.
func (v *Volume) patient(ctx context.Context, p []byte, off int64) error {
	for wait := againLeast; ; wait = min(2*wait, againMost) {
		err := v.src.ReadAt(ctx, p, off)
		if err == nil || v.o.Damaged(err) || v.o.Final(err) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v.log.Warn("the backup cannot be read, which is tried again: what the guest reads of it "+
			"fails until then, what it writes is safe", "offset", off, "again_in", wait, "err", err)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// fillPiece writes what the backup has at off where the device has nothing valid yet.
func (v *Volume) fillPiece(ctx context.Context, p []byte, off int64) error {
	end := off + int64(len(p))
	release, err := v.changing.Claim(ctx, off, blockEnd(end))
	if err != nil {
		return err
	}
	defer release()
	if _, err := v.state(); err != nil {
		return err
	}
	return v.runs(ctx, off, end, validBit, func(from, to int64, valid bool) error {
		if valid {
			return nil
		}
		if err := v.dev.WriteAt(p[from-off:to-off], from); err != nil {
			return err
		}
		return v.eachPage(ctx, from, to, func(pg *page, from, to int64) error {
			v.set(pg, from/blockBytes, blockEnd(to)/blockBytes, validBit)
			return nil
		})
	})
}
