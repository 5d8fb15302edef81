package materialize

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

const (
	// Zeros inside data that are shorter than punchMinBytes are written, not punched, on a target
	// that is not blank. holeBytes is the unit in which data is searched for zeros.
	punchMinBytes = 256 << 10
	holeBytes     = 32 << 10
	// directDepth is the number of writes past the page cache that a worker has in flight: each
	// waits for the device, which may be across a network.
	directDepth = 4
)

// pipeline is one run. Each of Jobs workers takes the next run of the volume,
// reads it front to back and hands pieces to its own writer goroutine, so that
// reading and writing overlap while both stay sequential.
//
// Files are written through the page cache and pushed out of it (settler), with one writer for each
// worker; devices are written past it, with directDepth writers for each worker. Measured on 512
// MiB, 70 % data, medians of 4 and more on a busy machine: a new ext4 file takes 0.36 s this way,
// 0.63 s with one fsync at the end, 1.29 s by dd conv=sparse,fsync; a loop device takes 0.10 s of
// CPU with O_DIRECT, 0.18 s without.
type pipeline struct {
	vol   Source
	t     *Target
	o     Options
	bufs  *buffers
	block int64 // Source.Align
	pace  *Pace
	hole  int64     // unit in which data is searched for zeros, a multiple of block
	inner *inKernel // nil: nothing is copied inside the kernel
}

// newPipeline fails where blocks are larger than Options.MemoryBytes allows.
func newPipeline(vol Source, t *Target, o Options) (*pipeline, error) {
	o.setDefaults()
	block := int64(vol.Align())
	if need := leastBuffers(block); block > maxPieceBytes && need > o.MemoryBytes {
		advice := ""
		if o.MemoryFor != nil {
			advice = fmt.Sprintf(": give --memory %dMiB or more", (o.MemoryFor(need)+1<<20-1)>>20)
		}
		return nil, fmt.Errorf("the backup's digest blocks of %d MiB need %d MiB of buffers, "+
			"there are %d MiB%s",
			(block+1<<20-1)>>20, need>>20, o.MemoryBytes>>20, advice)
	}
	p := &pipeline{vol: vol, t: t, o: o, block: block, hole: roundUp(holeBytes, block),
		pace: &Pace{PerSecond: o.BytesPerSecond}}
	p.bufs, p.o.Jobs = newBuffers(o.MemoryBytes, o.Jobs, block)
	if c, ok := vol.(Copier); ok && o.Reflink && t.kind == KindFile {
		p.inner = &inKernel{from: c}
	}
	return p, nil
}

// copy runs the workers until the volume ends or one of them fails. If the target failed, it
// returns that error rather than any other.
func (p *pipeline) copy(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	var broken atomic.Pointer[TargetError]
	fail := func(err error) {
		if e, ok := errors.AsType[*TargetError](err); ok {
			broken.CompareAndSwap(nil, e)
			stop()
		}
	}
	runs := make(chan Range)
	g.Go(func() error {
		defer close(runs)
		return p.feed(ctx, runs)
	})
	writers := 1
	if p.t.direct != nil {
		writers = directDepth
	}
	for range p.o.Jobs {
		w := &worker{pipeline: p, out: make(chan piece, 1), fail: fail}
		g.Go(func() error {
			defer close(w.out)
			return w.read(ctx, runs)
		})
		for range writers {
			g.Go(func() error { return w.write(ctx) })
		}
	}
	err := g.Wait()
	if e := broken.Load(); e != nil {
		return e
	}
	return err
}

// feed hands out the runs, moving their bounds to block boundaries so that every block belongs to
// one worker. It makes sure that they cover the volume.
func (p *pipeline) feed(ctx context.Context, runs chan<- Range) error {
	size, end, fed := p.vol.Size(), int64(0), int64(0)
	for r, err := range p.vol.Runs(ctx) {
		if err != nil {
			return fmt.Errorf("plan the reading of the backup at offset %d: %w", end, err)
		}
		if r.Off != end || r.Len < 0 || r.Len > size-end {
			return fmt.Errorf("plan the reading of the backup: after offset %d comes %d, %d "+
				"bytes long, of %d", end, r.Off, r.Len, size)
		}
		end += r.Len
		to := end
		if end < size {
			to -= end % p.block
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
	if end != size {
		return fmt.Errorf("plan the reading of the backup: it ends at offset %d of %d", end, size)
	}
	return nil
}

// piece is one order to a writer: to write data at off, or n zeros.
type piece struct {
	off, n int64
	data   []byte // nil: zeros
	whole  []byte // the buffer that data is part of, which the writer gives back
}

type worker struct {
	*pipeline
	out  chan piece
	fail func(error) // if err is one of the target's, notes it and stops the reading
	left int64       // in a stream: bytes of its run still to be written
}

// read turns runs into pieces.
func (w *worker) read(ctx context.Context, runs <-chan Range) error {
	for r := range runs {
		var err error
		if (w.o.Delta || w.t.continues != nil) && !w.t.blank {
			err = w.update(ctx, r.Off, r.Off+r.Len)
		} else {
			err = w.copyAll(ctx, r.Off, r.Off+r.Len)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copyAll copies [off, end), zeros as zeros and data as data.
func (w *worker) copyAll(ctx context.Context, off, end int64) error {
	for off < end {
		start, stop, err := w.nextData(ctx, off, end)
		if err != nil {
			return err
		}
		if start > off {
			if err := w.send(ctx, piece{off: off, n: start - off}); err != nil {
				return err
			}
		}
		if err := w.copyData(ctx, start, stop); err != nil {
			return err
		}
		off = stop
	}
	return nil
}

// nextData is Source.NextData, checked and rounded to whole blocks. It returns end, end if there is
// no data.
func (p *pipeline) nextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	start, stop, err = p.vol.NextData(ctx, off, end)
	if err != nil {
		return 0, 0, fmt.Errorf("find data of the backup from offset %d on: %w", off, err)
	}
	if start == stop {
		return end, end, nil
	}
	if start < off || stop < start || stop > end {
		return 0, 0, fmt.Errorf("find data of the backup in [%d, %d): got [%d, %d)", off, end,
			start, stop)
	}
	return max(off, start/p.block*p.block), min(end, roundUp(stop, p.block)), nil
}

// copyData copies [off, end), inside the kernel where that is possible.
func (w *worker) copyData(ctx context.Context, off, end int64) error {
	for off < end && w.inner.possible() {
		n, err := w.copyInKernel(ctx, off, min(end-off, inKernelBytes-off%inKernelBytes))
		if err != nil {
			return err
		}
		off += n
	}
	return w.readData(ctx, off, end)
}

// readData reads [off, end) in pieces that end at multiples of the piece size.
func (w *worker) readData(ctx context.Context, off, end int64) error {
	for off < end {
		buf, err := w.bufs.get(ctx)
		if err != nil {
			return err
		}
		n := min(end-off, int64(w.bufs.size)-off%int64(w.bufs.size))
		if err := w.pace.Wait(ctx, n); err != nil {
			w.bufs.put(buf)
			return err
		}
		if err := w.vol.ReadAt(ctx, buf[:n], off); err != nil {
			w.bufs.put(buf)
			return fmt.Errorf("read %d bytes of the backup at offset %d: %w", n, off, err)
		}
		if err := w.send(ctx, piece{off: off, n: n, data: buf[:n], whole: buf}); err != nil {
			w.bufs.put(buf)
			return err
		}
		off += n
	}
	return nil
}

func (w *worker) send(ctx context.Context, pc piece) error {
	select {
	case w.out <- pc:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write carries out the worker's orders. Data that was read is written even if ctx has ended, so
// that a cancelled run loses nothing. After the target has failed it only gives buffers back, until
// the reader has stopped.
func (w *worker) write(ctx context.Context) error {
	s := &settler{t: w.t}
	var first error
	for pc := range w.out {
		if _, broken := errors.AsType[*TargetError](first); !broken {
			if err := w.put(ctx, pc, s); err != nil {
				first = cmp.Or(first, err)
				w.fail(err)
			}
		}
		if pc.whole != nil {
			w.bufs.put(pc.whole)
		}
	}
	if first != nil {
		return first
	}
	err := s.drain()
	w.fail(err)
	return err
}

// put writes one piece, and longer stretches of zeros in it as holes or zeroed ranges.
func (w *worker) put(ctx context.Context, pc piece, s *settler) error {
	if pc.data == nil {
		return w.putZeros(ctx, pc.off, pc.n)
	}
	least := int64(punchMinBytes)
	if w.untouched() {
		least = 1 // a whole block of zeros stays a hole
	}
	off, data := pc.off, pc.data
	for len(data) > 0 {
		n := w.sameKind(data)
		if allZero(data[:n]) && n >= least {
			if err := w.putZeros(ctx, off, n); err != nil {
				return err
			}
			off, data = off+n, data[n:]
			continue
		}
		// Write data, and zeros too short to be punched, up to the next long stretch of zeros.
		for n < int64(len(data)) {
			k := w.sameKind(data[n:])
			if k >= least && allZero(data[n:n+k]) {
				break
			}
			n += k
		}
		if err := w.t.write(data[:n], off); err != nil {
			return err
		}
		w.o.Progress.written.Add(n)
		if err := s.wrote(off, n); err != nil {
			return err
		}
		off, data = off+n, data[n:]
	}
	return nil
}

// sameKind returns the length of the units at the start of p that are all zero, or all not zero.
func (w *worker) sameKind(p []byte) int64 {
	n, size := min(w.hole, int64(len(p))), int64(len(p))
	zero := allZero(p[:n])
	for n < size {
		k := min(w.hole, size-n)
		if allZero(p[n:n+k]) != zero {
			break
		}
		n += k
	}
	return n
}

// untouched reports whether the target is zero wherever it was not written. After copies inside the
// kernel it is not known to be: wrong bytes may lie anywhere.
func (p *pipeline) untouched() bool { return p.t.blank && p.inner == nil }

// putZeros makes a range zero in steps, between which ctx is looked at, because a device without a
// command for zeroing takes long.
func (w *worker) putZeros(ctx context.Context, off, n int64) error {
	for n > 0 {
		step := n
		if !w.untouched() {
			if err := ctx.Err(); err != nil {
				return err
			}
			step = min(n, zeroStepBytes-off%zeroStepBytes)
			if err := w.t.zero(off, step); err != nil {
				return err
			}
		}
		w.o.Progress.zeroed.Add(step)
		off, n = off+step, n-step
	}
	return nil
}
