package seekable

import (
	"context"
	"time"
)

const (
	// farBytes is how far behind the frontier a read has to begin for the
	// decoder that gets there to be worth several cores.
	farBytes = 64 << 20
	// aloneBytes is how much a read without a frontier must have before it for
	// that: as most objects of 64 MiB, and the large ones.
	aloneBytes = 16 << 20
	// lookAgain bounds how long a goroutine waits for the frontier before it looks again: one that
	// builds the same index for another Object, or a process that has ended, does not wake it.
	lookAgain = 100 * time.Millisecond
)

// step is how far d goes between two reports of progress. Several cores need
// longer ones to be kept busy.
func (d *decoder) step() int64 {
	if d.wide {
		return 16 * stepBytes
	}
	return stepBytes
}

// readAhead reads at or behind the frontier, and moves it: one decoder at a
// time does, and tells the index what it passes. Others wait until it has
// passed what they want.
func (o *Object) readAhead(ctx context.Context, p []byte, off int64) (int, error) {
	d, err := o.takeBuild(ctx, off)
	if d == nil {
		return 0, err
	}
	if d.Offset() > off { // it has moved since the frontier was looked at
		o.park(ctx, d)
		return 0, nil
	}
	for d.Offset() < off && err == nil {
		err = o.advance(ctx, d, min(off-d.Offset(), d.step()))
	}
	p = p[:min(len(p), stepBytes)]
	if err == nil {
		_, err = d.Read(ctx, p)
		d.build.Progress(d.Offset())
	}
	whole := err == nil
	if err = o.settleBuild(ctx, d, err); !whole || err != nil {
		return 0, err
	}
	return len(p), nil
}

// Build moves the frontier by about n bytes towards the object's end and reports whether the index
// is complete, or as complete as memory allows. It waits while another goroutine moves the
// frontier. If memory is short the frontier may fall back to the last checkpoint afterwards, so n
// must be larger than the distance between checkpoints.
func (o *Object) Build(ctx context.Context, n int64) (done bool, err error) {
	if o.index == nil {
		return true, nil
	}
	to := min(o.index.Frontier()+n, o.length)
	for !o.index.Complete() && !o.needs.noIndex.Load() && o.index.Frontier() < to {
		d, err := o.takeBuild(ctx, to)
		if err != nil {
			return false, err
		}
		if d == nil {
			continue
		}
		for d.Offset() < to && err == nil {
			err = o.advance(ctx, d, min(to-d.Offset(), d.step()))
		}
		err = o.settleBuild(ctx, d, err)
		return o.built(), unexpected(err)
	}
	return o.built(), nil
}

// Indexed returns how many decoded bytes the index covers, and whether that is
// all there ever will be.
func (o *Object) Indexed() (bytes int64, complete bool) {
	if o.index == nil {
		return o.length, true
	}
	return o.index.Frontier(), o.built()
}

// built reports whether the index is as complete as it gets.
func (o *Object) built() bool { return o.index.Complete() || o.needs.noIndex.Load() }

// advance decodes n bytes without handing them out.
func (o *Object) advance(ctx context.Context, d *decoder, n int64) error {
	_, err := d.Skip(ctx, n)
	d.build.Progress(d.Offset())
	o.notify()
	return err
}

// takeBuild returns the decoder that moves the frontier, ready to go to off. If another goroutine
// has it, takeBuild waits until the frontier has moved and returns nil.
func (o *Object) takeBuild(ctx context.Context, off int64) (*decoder, error) {
	o.mu.Lock()
	moved := o.moved
	o.mu.Unlock()
	wide := o.wide(off)
	if d := o.engine.takeBuilding(o); d != nil {
		if d.object == o && (d.wide || !wide) {
			o.engine.count.continuations.Add(1)
			return d, nil
		}
		o.engine.drop(d) // its build goes on at the last checkpoint
	}
	dropped := o.dropped()
	b, ok := o.index.TryBuild()
	if !ok && o.index.Complete() {
		return nil, nil
	}
	if !ok {
		timer := time.NewTimer(lookAgain)
		defer timer.Stop()
		select {
		case <-moved:
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return nil, nil
	}
	at, found := b.Resume()
	d := &decoder{object: o, build: b, wide: wide, sinceDrop: dropped}
	if again, err := o.start(ctx, d, at, found); again || err != nil {
		return nil, err
	}
	return d, nil
}

// wide reports whether several cores should move the frontier to off.
func (o *Object) wide(off int64) bool {
	if off-o.index.Frontier() <= farBytes {
		return false
	}
	cores, _ := codecs[o.alg].widest(o.engine.workers, o.engine.budget)
	return cores > 1
}

// settleBuild is settle for the decoder that moves the frontier.
func (o *Object) settleBuild(ctx context.Context, d *decoder, err error) error {
	if err == nil && d.Offset() == o.length {
		// What it has found out about the last bytes comes with the end of the
		// stream. Whether that is right is not for an index to say.
		_ = d.Finish(ctx)
		d.build.Complete()
	}
	err = o.settle(ctx, d, err)
	o.notify()
	return err
}

// park parks the decoder that moves the frontier as it is.
func (o *Object) park(ctx context.Context, d *decoder) {
	o.engine.park(ctx, d)
	o.notify()
}

// notify wakes goroutines that wait for the frontier.
func (o *Object) notify() {
	o.mu.Lock()
	close(o.moved)
	o.moved = make(chan struct{})
	o.mu.Unlock()
}
