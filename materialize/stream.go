package materialize

import (
	"context"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
)

// Stream writes vol to out from front to back, zeros included: for a pipe to
// ssh, rbd import or the like. Runs are read in parallel as far ahead as
// Options.MemoryBytes allows. Nothing can be continued or read back; Delta and
// VerifyAfter do not apply. ctx does not end a write that blocks: for that the
// caller must close out.
func Stream(ctx context.Context, vol Source, out io.Writer, o Options) (Result, error) {
	begin := time.Now()
	p, err := newPipeline(vol, &Target{path: "the output"}, o)
	if err != nil {
		return Result{}, err
	}
	p.o.Progress.total.Store(vol.Size())
	p.o.Progress.stage.Store(int32(StageCopying))
	err = p.stream(ctx, out)
	if err == nil {
		p.o.Progress.stage.Store(int32(StageDone))
	}
	s := p.o.Progress.Counts()
	return Result{Size: vol.Size(), BytesWritten: s.Written, BytesZeroed: s.Zeroed,
		Duration: time.Since(begin)}, err
}

// stream reads Jobs runs at a time, each with a worker and a channel of its
// own, and empties the channels in the order of the runs. Each run has its
// share of the buffers, so that later runs cannot take the buffers that the
// first one needs.
func (p *pipeline) stream(ctx context.Context, out io.Writer) error {
	g, ctx := errgroup.WithContext(ctx)
	share := cap(p.bufs.free) / p.o.Jobs
	runs := make(chan Range)
	queue := make(chan *worker, p.o.Jobs)
	active := make(chan struct{}, p.o.Jobs)
	g.Go(func() error {
		defer close(runs)
		return p.feed(ctx, runs)
	})
	g.Go(func() error {
		defer close(queue)
		for r := range runs {
			select {
			case active <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			// Besides the pieces in the channel, one buffer is being read into
			// and one written.
			w := &worker{pipeline: p, out: make(chan piece, share-2), left: r.Len}
			queue <- w // never blocks: no more runs are active than fit into it
			g.Go(func() error {
				defer close(w.out)
				return w.copyAll(ctx, r.Off, r.Off+r.Len)
			})
		}
		return nil
	})
	g.Go(func() error {
		for w := range queue {
			for pc := range w.out {
				if err := w.emit(ctx, out, pc); err != nil {
					return err
				}
				w.left -= pc.n
			}
			if w.left > 0 { // the worker failed: nothing may be written after it
				<-ctx.Done()
				return ctx.Err()
			}
			<-active
		}
		return nil
	})
	return g.Wait()
}

func (w *worker) emit(ctx context.Context, out io.Writer, pc piece) error {
	count := &w.o.Progress.written
	if pc.data == nil {
		count = &w.o.Progress.zeroed
	} else {
		defer w.bufs.put(pc.whole)
	}
	for pc.n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := pc.data
		if p == nil {
			p = zeroes[:min(pc.n, int64(len(zeroes)))]
		}
		n, err := out.Write(p)
		count.Add(int64(n))
		if err == nil && n < len(p) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return fmt.Errorf("write the output at offset %d: %w; what was written is not complete",
				pc.off+int64(n), cause(err))
		}
		pc.off, pc.n = pc.off+int64(n), pc.n-int64(n)
	}
	return nil
}
