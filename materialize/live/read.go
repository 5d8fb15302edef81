package live

import (
	"context"
	"fmt"
)

// Valid returns where the run that starts at off ends, within [off, end), and whether the device
// has it: else it is the backup's. The range must not be empty and lies inside the volume.
func (v *Volume) Valid(ctx context.Context, off, end int64) (stop int64, valid bool, err error) {
	if err := v.check(off, end-off); err != nil {
		return 0, false, err
	}
	stop = off
	for stop < end {
		to, has, err := v.run(ctx, stop/blockBytes, blockEnd(end)/blockBytes, validBit)
		if err != nil {
			return 0, false, err
		}
		if stop > off && has != valid {
			break
		}
		stop, valid = min(end, to*blockBytes), has
	}
	return stop, valid, nil
}

// ReadAt fills p with the bytes at off as the guest sees them, or fails. below reads the backup;
// nil: the Base does.
func (v *Volume) ReadAt(ctx context.Context, p []byte, off int64,
	below func(p []byte, off int64) error) error {
	if err := v.check(off, int64(len(p))); err != nil {
		return err
	}
	defer v.gate.enter()()
	if below == nil {
		below = func(p []byte, off int64) error { return v.base.ReadAt(ctx, p, off) }
	}
	for end := off + int64(len(p)); off < end; {
		stop, valid, err := v.Valid(ctx, off, end)
		if err != nil {
			return err
		}
		q := p[:stop-off]
		if valid {
			err = v.dev.ReadAt(q, off)
		} else {
			err = below(q, off)
		}
		if err != nil {
			return fmt.Errorf("read %d bytes at offset %d: %w", len(q), off, err)
		}
		p, off = p[len(q):], stop
	}
	return nil
}

// Enter is called when a request of the guest comes in that does not go through ReadAt, and what it
// returns when it is answered: what is copied gives way.
func (v *Volume) Enter() (leave func()) { return v.gate.enter() }

// NextData returns the first range [start, stop) of [off, end) that is not known to be zero, start
// == stop if there is none.
func (v *Volume) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	for end = min(end, v.Size()); off < end; {
		to, valid, err := v.Valid(ctx, off, end)
		if err != nil {
			return 0, 0, err
		}
		if valid {
			return off, to, nil
		}
		if start, stop, err = v.src.NextData(ctx, off, to); err != nil || start < stop {
			return start, stop, err
		}
		off = to
	}
	return end, end, nil
}
