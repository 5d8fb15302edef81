package materialize

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
)

// Estimate is what a run would do.
type Estimate struct {
	Target    string // the target's name, and its path if that differs
	Size      int64  // of the volume, in bytes
	Runs      int    // ranges of the backup that can be read in parallel
	DataBytes int64  // of the volume that are not known to be zero
	// Bytes that would be written, made zero and left alone. Unless Exact, the first two are upper
	// bounds and SkipBytes is 0.
	WriteBytes, ZeroBytes, SkipBytes int64
	Exact                            bool // the target was read and compared, or is blank
	Continues                        bool // an interrupted run would be continued
	Refused                          *RefusedError
	Overridden                       []Reason
	Notes                            []string

	// Writes yields, in order, the ranges of the volume that would be read from the backup and
	// written. They add up to WriteBytes, except that blocks below 32 KiB are rounded up to that;
	// data that turns out to be zero when it is read counts as written. It ends after the first
	// error.
	Writes func(ctx context.Context) iter.Seq2[Range, error]
}

// Plan says what Open and Run with the same options would do. It writes nothing. With
// Options.Delta, and if an interrupted run would be continued, it reads the target and compares it.
// A target that would be refused is not an error of Plan; Estimate.Refused says why.
func Plan(ctx context.Context, vol Source, name string, open OpenOptions,
	o Options) (Estimate, error) {
	open.Size = vol.Size()
	e, err := PlanUnseen(ctx, vol, name)
	if err != nil {
		return e, err
	}
	t, err := Open(ctx, name, open)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		e.Target, e.Refused = refused.Target, refused
		return e, nil
	}
	if err != nil {
		return e, err
	}
	defer t.Close()
	e.Target, e.Continues, e.Overridden, e.Notes = t.String(), t.continues !=
		nil, t.overridden, t.notes
	e.Exact = t.blank
	if t.blank || !o.Delta && t.continues == nil {
		return e, nil
	}
	t.distrustCache()
	p, err := newPipeline(vol, t, o)
	if err != nil {
		return e, err
	}
	e.WriteBytes, e.ZeroBytes = 0, 0
	var compared atomic.Int64
	// A bit for each block would be too much: a backup may have blocks of 512 bytes.
	writes := &blockSet{block: p.hole, pages: map[int64]*[pageBlocks / 64]uint64{}}
	err = p.compareAll(ctx, t, vol.Size(), func(n int64) { compared.Add(n) }, func(cs []change) {
		for _, c := range cs {
			if c.zero {
				e.ZeroBytes += c.n
			} else {
				e.WriteBytes += c.n
				writes.add(c.off, c.n)
			}
		}
	})
	e.Writes = func(context.Context) iter.Seq2[Range, error] {
		return func(yield func(Range, error) bool) {
			for r := range writes.ranges(vol.Size()) {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
	e.Exact, e.SkipBytes = err == nil, compared.Load()-e.WriteBytes-e.ZeroBytes
	return e, err
}

// PlanUnseen is Plan for a target that does not exist yet. The Estimate is not Exact.
func PlanUnseen(ctx context.Context, vol Source, name string) (Estimate, error) {
	e := Estimate{Target: name, Size: vol.Size(),
		Writes: func(ctx context.Context) iter.Seq2[Range, error] { return data(ctx, vol) }}
	err := e.volume(ctx, vol)
	e.WriteBytes, e.ZeroBytes = e.DataBytes, e.Size-e.DataBytes
	return e, err
}

// volume counts the volume's runs and adds up its data, without reading any.
func (e *Estimate) volume(ctx context.Context, vol Source) error {
	for _, err := range vol.Runs(ctx) {
		if err != nil {
			return err
		}
		e.Runs++
	}
	for r, err := range data(ctx, vol) {
		if err != nil {
			return err
		}
		e.DataBytes += r.Len
	}
	return nil
}

// data yields the ranges of the volume, in whole blocks, that are not known to be zero.
func data(ctx context.Context, vol Source) iter.Seq2[Range, error] {
	return func(yield func(Range, error) bool) {
		p := &pipeline{vol: vol, block: int64(vol.Align())}
		for off, size := int64(0), vol.Size(); off < size; {
			start, stop, err := p.nextData(ctx, off, size)
			if err != nil {
				yield(Range{}, err)
				return
			}
			if start < stop && !yield(Range{Off: start, Len: stop - start}, nil) {
				return
			}
			off = stop
		}
	}
}
