package backupstore

import (
	"context"
	"errors"
)

// onDamage is called for a block, p at off, that could not be had. It may put something else into p
// and return nil: then reading continues.
type onDamage func(p []byte, off int64, d *DamageError) error

func stopAtDamage(_ []byte, _ int64, d *DamageError) error { return d }

// fill fills p, whole blocks at off, from the objects, verified. An error in one block does not
// affect the others.
func (v *Volume) fill(ctx context.Context, p []byte, off int64, damaged onDamage) error {
	if err := v.proveUncovered(ctx, off, int64(len(p))); err != nil {
		return err
	}
	if len(p) >= 2*overlapBytes {
		right, err := v.fillOverlapped(ctx, p, off)
		if err != nil {
			return err
		}
		p, off = p[right:], off+int64(right)
	}
	composed := v.compose(ctx, p, off)
	if composed != nil && !errors.Is(composed, ErrDamaged) {
		return composed
	}
	block := int64(v.Align())
	var lost lostObject
	anew := composed != nil // p does not hold the objects' bytes
	for len(p) > 0 {
		if two := 2 * block; !anew && int64(len(p)) >= two && v.pairRight(ctx, p[:two], off) {
			p, off = p[two:], off+two
			continue
		}
		b := p[:min(block, int64(len(p)))]
		var err error
		if anew {
			err = v.composeBlock(ctx, b, off, &lost)
		}
		if err == nil {
			if err = v.check(ctx, b, off); errors.Is(err, ErrDamaged) &&
				!v.zeroByRow(ctx, off, int64(len(b))) {
				err = v.reread(ctx, b, off, err)
			}
		}
		if errors.Is(err, ErrDamaged) && v.zeroByRow(ctx, off, int64(len(b))) {
			err = v.settleZero(ctx, b, off, err, damaged)
			anew = true // the object may have been read from its start
		}
		if errors.Is(err, ErrDamaged) {
			var found bool
			found, err = v.resync(ctx, b, off, err)
			anew = anew || found
		}
		if errors.Is(err, ErrDamaged) {
			err = v.mend(ctx, b, off, err, damaged)
		}
		if err != nil {
			return err
		}
		p, off = p[len(b):], off+int64(len(b))
	}
	return nil
}

// check is verify, except that a block of zeros whose row says zero is not hashed.
func (v *Volume) check(ctx context.Context, b []byte, off int64) error {
	if v.zeroByDigest(ctx, b, off) {
		return nil
	}
	return v.verify(ctx, b, off)
}

// zeroByDigest reports whether a block is zero and its digest is that of zeros. This is quicker
// than hashing it.
func (v *Volume) zeroByDigest(ctx context.Context, b []byte, off int64) bool {
	zero, n, err := v.known(ctx, off)
	return err == nil && zero && n >= int64(len(b)) && isZero(b)
}

// lostObject is an object that could not be decoded from start on: a read that has to begin there,
// or before, fails too.
type lostObject struct {
	ref    int
	start  int64 // decoded offset
	damage *DamageError
}

// composeBlock is compose for one block, without decoding a lost object again.
func (v *Volume) composeBlock(ctx context.Context, b []byte, off int64, lost *lostObject) error {
	ref, start := -1, int64(0)
	if es := from(v.extents, off); len(es) > 0 && es[0].off < off+int64(len(b)) {
		ref = es[0].object
		start = v.decodingStart(ref, max(off, es[0].off))
		if lost.damage != nil && ref == lost.ref && start <= lost.start {
			return lost.damage
		}
	}
	err := v.compose(ctx, b, off)
	// The block may come from several objects: damage in another one says nothing about this one.
	if d, ok := errors.AsType[*DamageError](err); ok && ref >= 0 && d.Object == v.objectPath(ref) {
		*lost = lostObject{ref, start, d}
	}
	return err
}

// decodingStart returns where in object ref decoding begins to reach off of the volume.
func (v *Volume) decodingStart(ref int, off int64) int64 {
	o := &v.objects[ref]
	live := v.catalog.live.peek(v.chain[o.layer].objectFile(o.Number))
	if live == nil {
		return 0
	}
	defer v.catalog.live.release(live)
	return live.value.Start(off - o.Offset)
}
