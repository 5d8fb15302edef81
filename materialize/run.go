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
	Jobs        int   // parallel readers; 0: one a processor
	MemoryBytes int64 // buffers; 0: 64 MiB
	VerifyAfter bool  // read the target back past the page cache and compare

	// BytesPerSecond limits the reading of data from the backup, and so the
	// writing; 0: no limit. Zeros and comparisons are not limited.
	BytesPerSecond int64

	// Reflink has the kernel copy what the backup holds as it is, if the volume is
	// a Copier and the target a file: blocks are shared where the file system can,
	// copied by the server where that can. They are verified on the target then.
	Reflink bool

	// Whole, if not nil, is called when all data is on stable storage, before the
	// note that the target is half written is removed: what it does is done again
	// by the next run if this one is killed meanwhile.
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

// Result is what a run did, also when it failed. The bytes of a complete run
// add up to Size.
type Result struct {
	Size         int64 // of the volume
	BytesWritten int64
	BytesZeroed  int64 // made zero, or known to be and left alone
	BytesSkipped int64 // found equal on the target and left alone
	// BytesInKernel are those of the written ones that the kernel copied
	// (Options.Reflink).
	BytesInKernel int64
	// Verified: the target was read back past the page cache, with
	// Options.VerifyAfter, and equals the backup. (What is written is verified
	// before, always.)
	Verified bool
	Duration time.Duration
}

// Run copies vol onto t. With a nil error everything is on stable storage. When
// ctx ends it finishes the writes in flight, flushes, and returns an error that
// wraps ctx's; the Result says what was done until then. Running again
// continues.
func Run(ctx context.Context, vol Volume, t *Target, o Options) (Result, error) {
	begin := time.Now()
	p := newPipeline(vol, t, o)
	p.o.Progress.total.Store(vol.Size())
	verified, err := p.run(ctx)
	s := p.o.Progress.Snapshot()
	return Result{
		Size: vol.Size(), BytesWritten: s.Written, BytesZeroed: s.Zeroed, BytesSkipped: s.Skipped,
		BytesInKernel: p.inner.copied(), Verified: verified, Duration: time.Since(begin),
	}, err
}

func (p *pipeline) run(ctx context.Context) (verified bool, err error) {
	if p.vol.Size() != p.t.need {
		return false, fmt.Errorf("the target was opened for a volume of %d bytes, this one has %d", p.t.need, p.vol.Size())
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
	// Also of a run that was stopped: whether what was written is safe.
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
	if err := p.t.removeNote(); err != nil {
		p.o.Logger.Warn("the target is complete, but the note of its restore stays", "note", p.t.note, "err", err)
	}
	p.o.Progress.stage.Store(int32(StageDone))
	return p.o.VerifyAfter, nil
}

// worse is what to tell of a run that ended with err, nil for none, when what it
// wrote could not be flushed either.
func worse(ctx context.Context, err, flush error) error {
	if _, broken := errors.AsType[*TargetError](err); broken {
		return err
	}
	if ctx.Err() != nil { // which is no reason to believe that all is well
		return flush
	}
	return errors.Join(err, flush)
}

// prepare does all that precedes the first byte of data: the last check, the
// file, the note, the size.
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
	if t.note != "" && t.continues == nil {
		head, err := t.head()
		if err != nil {
			return err
		}
		if err := t.writeNote(head); err != nil {
			p.o.Logger.Warn("no note of this restore can be written: if it is interrupted, --delta --force continues it", "note", t.note, "err", cause(err))
			t.note = ""
		}
	}
	if t.kind == KindDevice && t.direct == nil {
		t.direct = t.openDirect(os.O_RDWR)
	}
	t.distrustCache()
	return t.extend()
}

// explain tells of a run that was stopped that what it wrote is safe.
func (p *pipeline) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return fmt.Errorf("stopped before the end, what was written is safe: %w", ctx.Err())
	}
	return err
}
