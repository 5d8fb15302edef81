package seekable

import (
	"context"
)

// farBytes is how far behind the frontier a read has to begin for the decoder
// that gets there to be worth several cores.
const farBytes = 8 << 20

// readAhead reads at or behind the frontier, and moves it: one decoder at a
// time does, and tells the index what it passes. Others wait until it has
// passed what they want.
func (o *Object) readAhead(ctx context.Context, p []byte, off int64) (int, error) {
	d, moved, err := o.takeBuild(ctx, off)
	if err != nil {
		return 0, err
	}
	if d == nil {
		select {
		case <-moved:
			return 0, nil // look again
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	for d.Offset() < off {
		if err := o.advance(ctx, d, min(off-d.Offset(), stepBytes)); err != nil {
			return 0, o.settleBuild(ctx, d, false, err)
		}
	}
	p = p[:min(len(p), stepBytes)]
	n, err := d.Read(ctx, p)
	d.build.Progress(d.Offset())
	return n, o.settleBuild(ctx, d, n == len(p), err)
}

// Build moves the frontier by about n bytes towards the object's end and
// reports whether the index is complete, or nothing can be done for it now:
// somebody else builds it.
func (o *Object) Build(ctx context.Context, n int64) (done bool, err error) {
	if o.index == nil || o.index.Complete() {
		return true, nil
	}
	d, _, err := o.takeBuild(ctx, o.index.Frontier()+n)
	if err != nil || d == nil {
		return d == nil, err
	}
	for left := min(n, o.length-d.Offset()); left > 0; {
		step := min(left, stepBytes)
		if err := o.advance(ctx, d, step); err != nil {
			return false, unexpected(o.settleBuild(ctx, d, false, err))
		}
		left -= step
	}
	err = o.settleBuild(ctx, d, true, nil)
	return o.index.Complete(), err
}

// Indexed returns how many decoded bytes the index covers, and whether that is
// all there ever will be.
func (o *Object) Indexed() (bytes int64, complete bool) {
	if o.index == nil {
		return o.length, true
	}
	return o.index.Frontier(), o.index.Complete()
}

// advance decodes n bytes without handing them out.
func (o *Object) advance(ctx context.Context, d *decoder, n int64) error {
	_, err := d.Skip(ctx, n)
	d.build.Progress(d.Offset())
	o.notify()
	return err
}

// takeBuild returns the decoder that moves the frontier, ready to go to off. If
// somebody else has it, it returns nil and a channel that is closed when that
// one has moved on.
func (o *Object) takeBuild(ctx context.Context, off int64) (*decoder, <-chan struct{}, error) {
	o.mu.Lock()
	moved := o.moved
	o.mu.Unlock()
	if d := o.engine.takeBuilding(o); d != nil {
		return d, nil, nil
	}
	b, ok := o.index.TryBuild()
	if !ok {
		return nil, moved, nil
	}
	at, found := b.Resume()
	wide := off-at.Out > farBytes && o.engine.workers > 1
	held := decoderBytes(o.alg, 1)
	if wide {
		held = decoderBytes(o.alg, o.engine.workers)
	}
	d := &decoder{object: o, held: held, build: b, wide: wide}
	if err := o.engine.reserve(ctx, held); err != nil {
		b.Close()
		o.endBuild()
		return nil, nil, err
	}
	s := o.settings(b, wide)
	if found {
		cp, err := o.index.Checkpoint(at)
		if err == nil {
			d.Decoder, err = resumeDecoder(o.alg, o.src, cp, s)
		}
		if err != nil {
			d.Decoder = nil
		}
	}
	if d.Decoder == nil {
		d.Decoder = newDecoder(o.alg, o.src, s)
	}
	return d, nil, nil
}

// settleBuild is settle for the decoder that moves the frontier.
func (o *Object) settleBuild(ctx context.Context, d *decoder, whole bool, err error) error {
	if whole && d.Offset() == o.length {
		d.build.Complete()
	}
	err = o.settle(ctx, d, whole, err)
	o.notify()
	return err
}

// endBuild is called when the decoder that moved the frontier is gone.
func (o *Object) endBuild() { o.notify() }

// notify wakes those who wait for the frontier.
func (o *Object) notify() {
	o.mu.Lock()
	close(o.moved)
	o.moved = make(chan struct{})
	o.mu.Unlock()
}
