package backupstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// Where rows call a long run of blocks zero and nothing else says so, the objects
// are compared with that before anybody passes over the run. A reader who comes
// from the front has to decode the run anyway to get behind it, and an index
// knows its zeros without decoding; what is left is what lies behind the last data
// of an object.

// zeroChecks is what comparing a volume's rows of zeros with its objects gave.
type zeroChecks struct {
	mu       sync.Mutex
	verdicts map[int]zeroVerdict // by object
	objects  map[int]*zeroCheck  // of which the verdict says nothing
	ranges   int                 // that zeroCheck.zero of all objects have
	denied   ranges              // blocks that are not zero, in objects that are right by their MD5
	said     atomic.Bool         // that the digest file is damaged
}

// zeroCheck is how far that has come with one object.
type zeroCheck struct {
	turn chan struct{} // held by the goroutine that decodes the object for it
	upto int64         // volume offset before which all its rows of zeros have been compared
	zero ranges        // behind that, what has been
	// damaged says that the object is not right by its MD5: then rows are.
	damaged bool
}

// maxZeroRanges bounds zeroChecks.ranges, where what is forgotten is compared again,
// and zeroChecks.denied.
const maxZeroRanges = 1 << 14

func newZeroChecks() *zeroChecks {
	return &zeroChecks{verdicts: map[int]zeroVerdict{}, objects: map[int]*zeroCheck{}}
}

// of returns the check of an object, which begins at the volume offset start.
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

// known reports whether [off, end) of an object needs no comparing any more.
func (z *zeroChecks) known(c *zeroCheck, off, end int64) bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	return c.damaged || end <= c.upto || c.zero.hasAll(off, end)
}

// passed notes that the rows of zeros of [off, end) have been compared, and those
// between from and off as well.
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

// deny notes a block that is not zero. Where there are too many all between the
// first and the last counts as such: then it is read, and compared.
func (z *zeroChecks) deny(off, end int64) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.denied.add(off, end-off)
	if n := len(z.denied); n > maxZeroRanges {
		first, last := z.denied[0], z.denied[n-1]
		z.denied = ranges{{first.Off, last.Off + last.Len - first.Off}}
	}
}

// damage notes that an object is not right.
func (z *zeroChecks) damage(c *zeroCheck) {
	z.mu.Lock()
	defer z.mu.Unlock()
	c.damaged = true
}

// allowed is where the first block of [off, end) begins that is known not to be
// zero, end without one.
func (z *zeroChecks) allowed(off, end int64) int64 {
	z.mu.Lock()
	defer z.mu.Unlock()
	if r, ok := z.denied.next(off); ok {
		return min(max(r.Off, off), end)
	}
	return end
}

// zeroUntil compares blocks of [off, end), which are zero by their rows, with
// their objects, and returns up to where they are zero: the first byte of the first
// block that is not, or end.
func (v *Volume) zeroUntil(ctx context.Context, off, end int64) (int64, error) {
	for _, e := range from(v.extents, off) {
		start, stop := max(e.off, off), min(e.end, end)
		if start >= stop {
			break
		}
		says, err := v.verdict(ctx, e.object)
		if err == nil && says == saysNothing && !v.outlined {
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

// blockStart is where the block at or before at begins, off at least.
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
	enterable := err == nil && live.Enterable()
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
	// The way to end leads through what lies before it. The rows of zeros there are
	// compared in passing, so that another goroutine, which asks for them later, need
	// not begin anew. What a decoder has left behind is not gone back for.
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

// decodedUntil is the volume offset, off at most, that a decoder of object ref has
// come to, or can be had at.
func (v *Volume) decodedUntil(ref int, off int64) int64 {
	o := &v.objects[ref]
	live := v.catalog.live.peek(v.objectPath(ref))
	if live == nil {
		return o.Offset
	}
	defer v.catalog.live.release(live)
	at := live.Start(off - o.Offset)
	if frontier, _ := live.Indexed(); frontier <= off-o.Offset {
		at = max(at, frontier)
	}
	return o.Offset + at
}

// nextZeroRows finds the first blocks of [off, end) that are zero by their rows,
// not many more than compareBytes of them.
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

// zeroBuffers are what objects are decoded into to be compared with zeros, by
// pointer.
var zeroBuffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// compareZeroRange compares what an object has of [off, end), and notes what is
// not zero.
func (v *Volume) compareZeroRange(ctx context.Context, ref int, c *zeroCheck, off, end int64) error {
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

// denyZeros notes the blocks of p, which lies at off, that are not zero.
func (v *Volume) denyZeros(p []byte, off int64) {
	for at, end := off, off+int64(len(p)); at < end; {
		next := min((at/v.rows.block+1)*v.rows.block, end)
		if !isZero(p[at-off : next-off]) {
			v.zeros.deny(v.blockStart(at, 0), min((at/v.rows.block+1)*v.rows.block, v.size))
		}
		at = next
	}
}
