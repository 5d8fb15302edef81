package backupstore

import (
	"context"
	"errors"
	"path"
)

// A row that is the digest of zeros lets readers skip the block, which makes sparse disks quick.
// Such a row may be wrong, though, which the object shows. Blocks that a long run of rows calls
// zero are compared with the object once, unless the object's MD5 (zeroobject.go) or its index
// proves them (zerocompare.go). A block in a short run is read like the data around it, and
// compared then.

// longRun adjacent rows and more may be skipped: 256 KiB of the volume with the usual blocks.
const longRun = 8

// compareBytes of a long run are compared at a time.
const compareBytes = 1 << 20

// errZeroRow is wrapped by a DamageError about a row that wrongly calls a block zero: the digest
// file is damaged.
var errZeroRow = errors.New("the digest file is damaged, the object is right by its MD5, " +
	"and its bytes are used")

// zeroRun is the long run of rows that NextData is in.
type zeroRun struct {
	next int64 // its next row, if that is one; 0: in none
}

// called reports whether a piece is called zero: no object has it, or it is in a
// long run of rows that say so.
func (v *Volume) called(ctx context.Context, p piece, run *zeroRun) (bool, error) {
	if p.by != byRow {
		return p.by == byAbsence, nil
	}
	if zero, err := v.zeroRowed(ctx, p); err != nil || !zero {
		return false, err
	}
	i := p.row
	if run.next == i && i > 0 {
		run.next = i + 1
		return true, nil
	}
	if !v.stored(p) {
		return true, nil
	}
	rows := 1
	for _, step := range []int64{-1, 1} {
		for k := i + step; rows < longRun && k >= 0 && k < v.rows.file.Rows(); k += step {
			row, err := v.rows.at(ctx, k)
			if err != nil {
				return false, err
			}
			if row != *v.rows.zeroRow(k) {
				break
			}
			rows++
		}
	}
	if rows < longRun {
		return false, nil
	}
	run.next = i + 1
	return true, nil
}

// stored reports whether an object has bytes of a piece's block.
func (v *Volume) stored(p piece) bool {
	return hasExtent(v.extents, p.row*v.rows.block, p.end)
}

// skipZeros returns the offset up to which the volume is zero from off on, end at most.
func (v *Volume) skipZeros(ctx context.Context, off, end int64, run *zeroRun) (int64, error) {
	for off < end {
		p := v.pieceAt(off, end)
		zero, err := v.called(ctx, p, run)
		if err != nil || !zero {
			return off, err
		}
		if p.by != byRow {
			off = p.end
			continue
		}
		stop := p.end
		for stop < end && stop-off < compareBytes {
			p := v.pieceAt(stop, end)
			if p.by != byRow {
				break
			}
			if zero, err := v.called(ctx, p, run); err != nil {
				return off, err
			} else if !zero {
				break
			}
			stop = p.end
		}
		until, err := v.zeroUntil(ctx, off, stop)
		if err != nil {
			return off, err
		}
		if off = until; until < stop {
			return off, nil
		}
	}
	return off, nil
}

// skipData returns the offset up to which the volume has to be read from off on, end at most: there
// it is called zero. That is not compared here, because it would be decoded before the data.
func (v *Volume) skipData(ctx context.Context, off, end int64, run *zeroRun) (int64, error) {
	for first := true; off < end; first = false {
		p := v.pieceAt(off, end)
		zero, err := v.called(ctx, p, run)
		if zero && err == nil && !first && p.by == byRow {
			var denied bool
			denied, err = v.denied(ctx, p)
			zero = !denied
		}
		if err != nil || zero && !first {
			return off, err
		}
		off = p.end
	}
	return off, nil
}

// denied reports whether a piece that its row calls zero is known not to be.
func (v *Volume) denied(ctx context.Context, p piece) (bool, error) {
	for _, e := range from(v.extents, p.off) {
		if e.off >= p.end {
			break
		}
		if says, err := v.verdict(ctx, e.object); says == saysData || err != nil {
			return true, err
		}
	}
	return v.zeros.allowed(p.off, p.end) < p.end, nil
}

// zeroRowed reports whether the row of a piece that is proven by one says zero.
func (v *Volume) zeroRowed(ctx context.Context, p piece) (bool, error) {
	row, err := v.digest(ctx, p)
	return err == nil && row == *v.rows.zeroRow(p.row), err
}

// zeroByRow reports whether the row of the block at off, of n bytes, says that all of it is zero.
func (v *Volume) zeroByRow(ctx context.Context, off, n int64) bool {
	p := v.pieceAt(off, off+n)
	if p.by != byRow || p.end < off+n {
		return false
	}
	zero, err := v.zeroRowed(ctx, p)
	return err == nil && zero
}

// zeroBesideDamage clears a block that its row calls zero and that has a damaged object, if its
// other objects, which are right by their MD5, are zero there. Otherwise the row is wrong about
// those, and proves nothing of what the damaged object had.
func (v *Volume) zeroBesideDamage(ctx context.Context, b []byte, off int64) (zero bool, err error) {
	end := off + int64(len(b))
	for _, e := range from(v.extents, off) {
		if e.off >= end {
			break
		}
		err := v.prove(ctx, e.object)
		if errors.Is(err, ErrDamaged) {
			continue
		}
		start, stop := max(e.off, off), min(e.end, end)
		part := b[start-off : stop-off]
		if err == nil {
			err = v.readObject(ctx, e.object, part, start-v.objects[e.object].Offset)
		}
		if err != nil || !isZero(part) {
			return false, err
		}
	}
	clear(b)
	return true, nil
}

// settleZero decides about a block that its row calls zero and its objects do not return as zero.
// If they are right by their MD5, and _metadata places them as Cinder does, the row is wrong. Else
// the row is right, and the damage to the objects does no harm.
func (v *Volume) settleZero(ctx context.Context, b []byte, off int64, damage error,
	damaged onDamage) error {
	d, ok := errors.AsType[*DamageError](damage)
	if !ok {
		return damage
	}
	whole := *d
	whole.Offset, whole.Length = off, int64(len(b))
	lost := false // the MD5 of one of its objects is wrong
	for _, e := range from(v.extents, off) {
		if e.off >= off+int64(len(b)) {
			break
		}
		err := v.prove(ctx, e.object)
		if errors.Is(err, ErrDamaged) {
			lost = true
		} else if err != nil {
			return err
		}
	}
	if lost && !v.mode.unhealed {
		if zero, err := v.zeroBesideDamage(ctx, b, off); zero || err != nil {
			return err
		}
	}
	if lost {
		return damaged(b, off, &whole)
	}
	if err := v.compose(ctx, b, off); err != nil {
		return err
	}
	switch {
	case isZero(b):
		return nil
	case v.misplaces():
		whole.Reason = "its digest says that it is zero, its object, which has the right MD5, " +
			"does not, and _metadata is not as Cinder writes it"
		v.catalog.count.damaged.Add(1)
		return damaged(b, off, &whole)
	}
	v.noteZeroRow(off, int64(len(b)))
	if v.mode.unhealed {
		whole.Object, whole.Reason, whole.Err = v.chain[0].file("_sha256file"),
			"the digest says that the block is zero, and it is not", errZeroRow
		return damaged(b, off, &whole)
	}
	return nil
}

// misplaces reports whether _metadata of a layer differs from what Cinder writes.
func (v *Volume) misplaces() bool {
	for _, b := range v.chain {
		if b.oddMetadata || b.Incremental() && b.Grain%v.rows.block != 0 {
			return true
		}
	}
	return false
}

// noteZeroRow records a block whose row is wrong, and logs the first one.
func (v *Volume) noteZeroRow(off, n int64) {
	v.zeros.deny(off, off+n)
	if v.zeros.said.CompareAndSwap(false, true) {
		v.catalog.log.Warn("the digest file is damaged: it calls a block zero that is not, "+
			"in an object that is right by its MD5; the object's bytes are used",
			"backup", v.chain[0].ID, "file", path.Base(v.chain[0].file("_sha256file")),
			"offset", off)
	}
}
