package backupstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"golang.org/x/sync/errgroup"
)

// sample proves blocks of the composed volumes, chosen at random.
func (v *verifier) sample(ctx context.Context, backups []*Backup) error {
	for _, b := range backups {
		v.o.Progress.total.Add(b.Size)
	}
	for _, b := range backups {
		r, err := v.sampleOne(ctx, b)
		if err == nil {
			err = v.each(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) sampleOne(ctx context.Context, b *Backup) (Report, error) {
	r := Report{Backup: b}
	if b.Chain() == nil {
		r.Damaged, r.Unread = split([]Damage{b.unusable()})
		return r, nil
	}
	vol, err := v.catalog.open(ctx, b, mode{unhealed: true, outline: true})
	if err != nil {
		if !finding(ctx, err) {
			return r, err
		}
		r.Damaged, r.Unread = split([]Damage{Damage{Length: b.Size}.because(err)})
		return r, nil
	}
	var mu sync.Mutex // guards r
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(v.o.Jobs)
	for run, err := range vol.Runs(gctx) {
		if err != nil {
			return r, errors.Join(err, g.Wait())
		}
		g.Go(func() error {
			defer v.o.Progress.done.Add(run.Len)
			ctx, end, err := v.turns.begin(gctx)
			if err != nil {
				return err
			}
			defer end()
			return vol.sampleRun(ctx, run, v.o.Sample, func(n int64, d *DamageError) {
				var damage Damage
				if d != nil {
					damage = v.describe(ctx, vol, d)
				}
				mu.Lock()
				defer mu.Unlock()
				r.SampledOf++
				switch {
				case d != nil:
					r.Damaged = append(r.Damaged, damage)
				case n > 0:
					r.Bytes, r.Blocks = r.Bytes+n, r.Blocks+1
				}
			})
		})
	}
	if err := g.Wait(); err != nil {
		return r, err
	}
	if why := b.Doubt(); why != "" {
		r.Damaged = append(r.Damaged, Damage{Length: b.Size, Reason: why})
	}
	if err := vol.whyUnread(); err != nil {
		r.Unread = []error{fmt.Errorf("its digests: %w", advised(err))}
	}
	r.Damaged = joined(r.Damaged)
	r.OK = len(r.Damaged)+len(r.Unread) == 0
	return r, nil
}

// sampleRun reads some blocks of a run. It calls each for every block with data that begins in it:
// with n 0 if it was not chosen, with its n bytes if it is right, or else with its damage.
func (v *Volume) sampleRun(ctx context.Context, run Range, part float64,
	each func(n int64, d *DamageError)) error {
	ctx, done := v.catalog.engine.Hold(ctx)
	defer done()
	block, end := int64(v.Align()), run.Off+run.Len
	buf, free, err := v.blockBuffer(ctx, block)
	if err != nil {
		return err
	}
	defer free()
	for off := (run.Off + block - 1) / block * block; off < end; {
		start, stop, err := v.NextData(ctx, off, end)
		if err != nil || start == stop {
			return err
		}
		for off = start / block * block; off < stop; off += block {
			if rand.Float64() >= part {
				each(0, nil)
				continue
			}
			n := min(block, v.size-off)
			err := v.ReadAt(ctx, buf[:n], off)
			d, damaged := errors.AsType[*DamageError](err)
			if err != nil && !damaged {
				return err
			}
			each(n, d)
		}
	}
	return nil
}
