package live

import (
	"context"
	"fmt"
	"time"
)

const (
	// Holes are made zero in steps that take about this long, as the guest's writes there wait.
	zeroTakes = 20 * time.Millisecond
	zeroLeast = 1 << 20
	zeroMost  = 1 << 30
)

// zeroHoles makes zero on the device what is a hole in the backup and was not written.
func (v *Volume) zeroHoles(ctx context.Context) error {
	v.mu.Lock()
	off := v.zeroed
	v.mu.Unlock()
	step := int64(zeroLeast)
	for off < v.Size() {
		start, stop, err := v.src.NextData(ctx, off, v.Size())
		if err != nil {
			return fmt.Errorf("find data of the backup from offset %d on: %w", off, err)
		}
		if start == stop {
			start, stop = v.Size(), v.Size()
		}
		for hole := max(off, blockStart(start)); off < hole; {
			if err := v.gate.wait(ctx); err != nil {
				return err
			}
			to := min(hole, off+step)
			began := time.Now()
			if err := v.zeroHole(ctx, off, to); err != nil {
				return err
			}
			if time.Since(began) < zeroTakes {
				step = min(2*step, zeroMost)
			} else {
				step = max(step/2, zeroLeast)
			}
			v.zeroes.Add(to - off)
			off = to
			v.zeroTo(off)
		}
		off = max(off, min(blockEnd(stop), v.Size()))
		v.zeroTo(off)
	}
	return nil
}

func (v *Volume) zeroTo(off int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.zeroed = off
}

func (v *Volume) zeroHole(ctx context.Context, off, end int64) error {
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
		return v.dev.Zero(from, to-from)
	})
}

// spoil notes that a write of the guest's from off on has failed: a hole there may have a part of
// it on the device, although the guest is told that it has failed, and reads zeros.
func (v *Volume) spoil(off int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.spoiled = min(v.spoiled, off)
}

// zeroSpoiled makes zero again what was spoiled.
func (v *Volume) zeroSpoiled(ctx context.Context) error {
	for {
		v.mu.Lock()
		if v.spoiled == v.Size() {
			v.mu.Unlock()
			return nil
		}
		v.zeroed, v.spoiled = min(v.zeroed, blockStart(v.spoiled)), v.Size()
		v.mu.Unlock()
		if err := v.zeroHoles(ctx); err != nil {
			return err
		}
	}
}

// stillZero refuses to give the guest a device on which a hole was spoiled.
func (v *Volume) stillZero(e Event) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e != Proven || v.spoiled == v.Size() {
		return nil
	}
	return fmt.Errorf("the device has refused a write of the guest's behind offset %d: "+
		"what it may have left in holes of the backup is made zero when the restore is gone on "+
		"with", v.spoiled)
}
