package materialize

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"
)

// Options says how Run works.
type Options struct {
	Delta       bool  // compare first and write only what differs
	Jobs        int   // parallel readers; 0: one for each processor
	MemoryBytes int64 // of buffers; 0: 64 MiB
	// MemoryFor returns how much memory the user has to give the program in all so
	// that MemoryBytes is n, to say it in errors. nil: unknown.
	MemoryFor   func(n int64) int64
	VerifyAfter bool // read the target back past the page cache and compare

	// BytesPerSecond limits the reading of data from the backup, and so the
	// writing; 0: no limit. Zeros and comparisons are not limited.
	BytesPerSecond int64

	// Reflink lets the kernel copy what lies uncompressed in the backup, if the volume is a Copier
	// and the target a file: a file system that can do so shares the blocks, and an NFS server that
	// can do so copies them. They are then verified on the target.
	Reflink bool

	// Whole, if not nil, is called when all data is on stable storage, before the marker is removed
	// that says that the target is unfinished: if this run is killed meanwhile, the next run calls
	// it again.
	Whole func()

	Progress *Progress // may be nil
	Logger   *slog.Logger
}

const defaultMemoryBytes = 64 << 20

func (o *Options) setDefaults() {
	if o.Jobs <= 0 {
		o.Jobs = runtime.GOMAXPROCS(0)
	}
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = defaultMemoryBytes
	}
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Result is what a run did, even if it failed. The bytes of a complete run add up to Size.
type Result struct {
	Size         int64 // of the volume
	BytesWritten int64
	BytesZeroed  int64 // made zero, or known to be zero and left alone
	BytesSkipped int64 // found equal on the target and left alone
	// BytesInKernel is the part of BytesWritten that the kernel copied (Options.Reflink).
	BytesInKernel int64
	// Verified says that, with Options.VerifyAfter, the target was read back past the page cache
	// and equals the backup. (Data is always verified before it is written.)
	Verified bool
	Duration time.Duration
}

// Run copies vol onto t. If the error is nil everything is on stable storage. When ctx ends it
// finishes the writes in flight, flushes, and returns an error that wraps ctx's; the Result says
// what was done until then. The next Run continues.
func Run(ctx context.Context, vol Source, t *Target, o Options) (Result, error) {
	begin := time.Now()
	p, err := newPipeline(vol, t, o)
	if err != nil {
		return Result{}, err
	}
	p.o.Progress.total.Store(vol.Size())
	verified, err := p.run(ctx)
	s := p.o.Progress.Counts()
	return Result{
		Size: vol.Size(), BytesWritten: s.Written, BytesZeroed: s.Zeroed, BytesSkipped: s.Skipped,
		BytesInKernel: p.inner.copied(), Verified: verified, Duration: time.Since(begin),
	}, err
}

func (p *pipeline) run(ctx context.Context) (verified bool, err error) {
	if p.vol.Size() != p.t.need {
		return false, fmt.Errorf("the target was opened for a volume of %d bytes, this one has %d",
			p.t.need, p.vol.Size())
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if err := p.prepare(ctx); err != nil {
		return false, p.explain(ctx, err)
	}
	p.o.Progress.stage.Store(int32(StageCopying))
	err = p.copy(ctx)
	if s, ok := p.vol.(Settler); ok && err == nil {
		err = s.Settle(ctx)
	}
	p.t.blank = false
	p.o.Progress.stage.Store(int32(StageFlushing))
	// A run that was stopped is flushed too, so that what was written is safe.
	if serr := p.t.sync(); serr != nil {
		err = worse(ctx, err, serr)
	}
	if err == nil {
		err = p.t.stillThere()
	}
	if err != nil {
		return false, p.explain(ctx, err)
	}
	if p.o.VerifyAfter {
		c, err := p.verify(ctx)
		if err == nil && !c.Equal() {
			err = &MismatchError{Target: p.t.String(), Comparison: c}
		}
		if err != nil {
			return false, p.explain(ctx, err)
		}
	}
	if p.o.Whole != nil {
		p.o.Whole()
	}
	if err := p.t.removeMarker(); err != nil {
		p.o.Logger.Warn("the target is complete, but the marker of its restore could "+
			"not be removed", "marker", p.t.marker, "err", err)
	}
	p.o.Progress.stage.Store(int32(StageDone))
	return p.o.VerifyAfter, nil
}

// worse returns the error to report if a run ended with err, which may be nil, and the flush of
// what it wrote failed too.
func worse(ctx context.Context, err, flush error) error {
	if _, broken := errors.AsType[*TargetError](err); broken {
		return err
	}
	if ctx.Err() != nil { // err says only that the run was stopped
		return flush
	}
	return errors.Join(err, flush)
}

// prepare does everything that must precede the first byte of data: the last check, creating the
// file, the marker, the size.
func (p *pipeline) prepare(ctx context.Context) error {
	t := p.t
	if err := t.stillFree(); err != nil {
		return err
	}
	if t.continues != nil && !t.force {
		if err := t.stillOurs(ctx, p.vol); err != nil {
			return err
		}
	}
	if err := t.create(); err != nil {
		return err
	}
	if t.marker != "" && t.continues == nil {
		head, err := t.head()
		if err != nil {
			return err
		}
		if err := t.writeMarker(head); err != nil {
			p.o.Logger.Warn("no marker of this restore can be written: if it is interrupted, "+
				"--delta --force continues it", "marker", t.marker, "err", cause(err))
			t.marker = ""
		}
	}
	if t.kind == KindDevice && t.direct == nil {
		t.direct = t.openDirect(os.O_RDWR)
	}
	t.distrustCache()
	return t.extend()
}

// explain words the error of a run that was stopped, whose writes are safe.
func (p *pipeline) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return fmt.Errorf("stopped before the end, what was written is safe: %w", ctx.Err())
	}
	return err
}
