package backupstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// If rows call a long run of blocks zero and nothing else proves it, the run is compared with the
// objects before it is skipped. A reader from front to back has to decode the run anyway to get
// past it, and an index knows its zeros without decoding. Only what follows the last data of an
// object costs extra.

// zeroChecks are the results of comparing a volume's rows of zeros with its objects.
type zeroChecks struct {
	mu       sync.Mutex
	verdicts map[int]zeroVerdict // by object
	objects  map[int]*zeroCheck  // those with the verdict saysNothing
	ranges   int                 // number of them in zeroCheck.zero of all objects
	denied   ranges              // blocks that are not zero, in objects that are right by their MD5
	said     atomic.Bool         // the damage of the digest file is logged
}

// zeroCheck is how far one object has been compared.
type zeroCheck struct {
	turn chan struct{} // held by the goroutine that decodes the object for it
	upto int64         // volume offset before which all its rows of zeros have been compared
	zero ranges        // compared ranges after upto
	// damaged says that the object does not have its MD5. Then its rows are right.
	damaged bool
}

// maxZeroRanges bounds zeroChecks.ranges, of which what is forgotten is compared again, and
// zeroChecks.denied.
const maxZeroRanges = 1 << 14

func newZeroChecks() *zeroChecks {
	return &zeroChecks{verdicts: map[int]zeroVerdict{}, objects: map[int]*zeroCheck{}}
}

// of returns the check of an object that begins at the volume offset start.
func (z *zeroChecks) of(ref int, start int64) *zeroCheck {
	z.mu.Lock()
	defer z.mu.Unlock()
	c := z.objects[ref]
	if c == nil {
		c = &zeroCheck{turn: make(chan struct{}, 1), upto: start}
		z.objects[ref] = c
	}
	return c
}

// known reports whether [off, end) of an object need not be compared any more.
func (z *zeroChecks) known(c *zeroCheck, off, end int64) bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	return c.damaged || end <= c.upto || c.zero.hasAll(off, end)
}

// passed notes that the rows of zeros in [off, end) have been compared, and those between from and
// off as well.
func (z *zeroChecks) passed(c *zeroCheck, from, off, end int64) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if from <= c.upto {
		c.upto = max(c.upto, end)
		return
	}
	if z.ranges >= maxZeroRanges {
		for _, c := range z.objects {
			c.zero = nil
		}
		z.ranges = 0
	}
	before := len(c.zero)
	c.zero.add(off, end-off)
	z.ranges += len(c.zero) - before
}

// deny notes a block that is not zero. If there are too many, all from the first to the last one
// count as not zero: they are then read, and compared.
func (z *zeroChecks) deny(off, end int64) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.denied.add(off, end-off)
	if n := len(z.denied); n > maxZeroRanges {
		first, last := z.denied[0], z.denied[n-1]
		z.denied = ranges{{first.Off, last.Off + last.Len - first.Off}}
	}
}

// damage notes that an object is damaged.
func (z *zeroChecks) damage(c *zeroCheck) {
	z.mu.Lock()
	defer z.mu.Unlock()
	c.damaged = true
}

// allowed returns where the first block in [off, end) begins that is known not to be zero, or end.
func (z *zeroChecks) allowed(off, end int64) int64 {
	z.mu.Lock()
	defer z.mu.Unlock()
	if r, ok := z.denied.next(off); ok {
		return min(max(r.Off, off), end)
	}
	return end
}

// zeroUntil compares blocks in [off, end), which are zero by their rows, with their objects. It
// returns the first byte of the first block that is not zero, or end.
func (v *Volume) zeroUntil(ctx context.Context, off, end int64) (int64, error) {
	for _, e := range from(v.extents, off) {
		start, stop := max(e.off, off), min(e.end, end)
		if start >= stop {
			break
		}
		says, err := v.verdict(ctx, e.object)
		if err == nil && says == saysNothing && !v.mode.outline {
			err = v.compareZeros(ctx, e.object, start, stop)
		}
		if err != nil {
			return off, err
		}
		if says == saysData {
			end = v.blockStart(start, off)
			break
		}
	}
	return v.zeros.allowed(off, end), nil
}

// blockStart returns where the block that contains at begins, off at least.
func (v *Volume) blockStart(at, off int64) int64 {
	return max(off, at/v.rows.block*v.rows.block)
}

// compareZeros makes sure that [off, end) of the volume, which rows call zero, has
// been compared with the object that it comes from.
func (v *Volume) compareZeros(ctx context.Context, ref int, off, end int64) error {
	z := v.zeros
	c := z.of(ref, v.objects[ref].Offset)
	if z.known(c, off, end) {
		return nil
	}
	live, err := v.catalog.live.get(ctx, v.chain[v.objects[ref].layer], v.objects[ref].Object)
	enterable := err == nil && live.value.Enterable()
	if err == nil {
		v.catalog.live.release(live)
	}
	if enterable {
		if err := v.compareZeroRange(ctx, ref, c, off, end); err != nil {
			return err
		}
		z.passed(c, off, off, end)
		return nil
	}
	// Decoding up to end passes what is before it. The rows of zeros there are compared on the way,
	// so that another goroutine that asks for them later need not start again. What a decoder has
	// already passed is not decoded again for that.
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	z.mu.Lock()
	upto := c.upto
	z.mu.Unlock()
	from := max(upto, v.decodedUntil(ref, off))
	for at := from; at < end && !z.known(c, at, end); {
		start, stop, err := v.nextZeroRows(ctx, at, end)
		if err != nil {
			return err
		}
		if err := v.compareZeroRange(ctx, ref, c, start, stop); err != nil {
			return err
		}
		z.passed(c, from, start, stop)
		at = stop
	}
	return nil
}

// decodedUntil returns the volume offset, off at most, that a decoder of object ref has reached, or
// can start at.
func (v *Volume) decodedUntil(ref int, off int64) int64 {
	o := &v.objects[ref]
	live := v.catalog.live.peek(v.objectPath(ref))
	if live == nil {
		return o.Offset
	}
	defer v.catalog.live.release(live)
	at := live.value.Start(off - o.Offset)
	if frontier, _ := live.value.Indexed(); frontier <= off-o.Offset {
		at = max(at, frontier)
	}
	return o.Offset + at
}

// nextZeroRows returns the first blocks in [off, end) that are zero by their rows, not many more
// than compareBytes of them.
func (v *Volume) nextZeroRows(ctx context.Context, off, end int64) (start, stop int64, err error) {
	start = -1
	for p := range v.pieces(off, end) {
		zero := false
		if p.by == byRow {
			if zero, err = v.zeroRowed(ctx, p); err != nil {
				return 0, 0, err
			}
		}
		switch {
		case zero && start < 0:
			start = p.off
		case !zero && start >= 0:
			return start, p.off, nil
		case zero && p.end-start >= compareBytes:
			return start, p.end, nil
		}
	}
	if start < 0 {
		start = end
	}
	return start, end, nil
}

// zeroBuffers are buffers for decoding objects that are compared with zeros, by pointer.
var zeroBuffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// compareZeroRange compares those bytes of [off, end) that are in an object, and notes what is not
// zero.
func (v *Volume) compareZeroRange(ctx context.Context, ref int, c *zeroCheck,
	off, end int64) error {
	buf := zeroBuffers.Get().(*[256 << 10]byte)
	defer zeroBuffers.Put(buf)
	for _, e := range from(v.extents, off) {
		if e.off >= end {
			break
		}
		if e.object != ref {
			continue
		}
		for at, stop := max(e.off, off), min(e.end, end); at < stop; {
			if n := v.knownZero(ctx, ref, at, stop); n > 0 {
				at += n
				continue
			}
			p := buf[:min(int64(len(buf)), stop-at)]
			err := v.readObject(ctx, ref, p, at-v.objects[ref].Offset)
			if err == nil && isZero(p) {
				at += int64(len(p))
				continue
			}
			if err != nil && !errors.Is(err, ErrDamaged) {
				return err
			}
			// One of the two is damaged, or an index is wrong, which a proof drops.
			if err = v.prove(ctx, ref); errors.Is(err, ErrDamaged) {
				v.zeros.damage(c)
				return nil
			}
			if err == nil {
				err = v.readObject(ctx, ref, p, at-v.objects[ref].Offset)
			}
			if err != nil {
				return err
			}
			v.denyZeros(p, at)
			at += int64(len(p))
		}
	}
	return nil
}

// knownZero returns of how many bytes of an object from the volume offset off on, up to end, its
// index says that they are zero. An object that was proven is read: its file may have changed.
func (v *Volume) knownZero(ctx context.Context, ref int, off, end int64) int64 {
	o := &v.objects[ref]
	if _, proven := v.proofs.of(ref); proven {
		return 0
	}
	live, err := v.catalog.live.get(ctx, v.chain[o.layer], o.Object)
	if err != nil {
		return 0 // reading says why
	}
	defer v.catalog.live.release(live)
	return live.value.KnownZero(off-o.Offset, end-o.Offset)
}

// denyZeros notes which blocks of p, which lies at off, are not zero.
func (v *Volume) denyZeros(p []byte, off int64) {
	for at, end := off, off+int64(len(p)); at < end; {
		next := min((at/v.rows.block+1)*v.rows.block, end)
		if !isZero(p[at-off : next-off]) {
			v.zeros.deny(v.blockStart(at, 0), min((at/v.rows.block+1)*v.rows.block, v.size))
		}
		at = next
	}
}
