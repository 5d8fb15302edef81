package backupstore

import (
	"context"
	"errors"
	"path"
)

// A row that is the digest of zeros lets a reader pass over the block without
// decoding anything, which is what makes sparse disks quick. Such a row may be
// wrong, though, and then the object says so: whoever decodes it compares. In a
// long run of such rows it is believed, as decoding that would cost what digests
// are there to save, unless the MD5 of the object denies it (zeroobject.go); in a
// short one, which a reader of the data around it passes anyway, the block is read
// like any other.

// longRun rows and more, one after the other, are believed to be zero: 256 KiB of
// the volume with the usual blocks.
const longRun = 8

// errZeroRow is behind a DamageError about a row that calls a block zero which is
// not: the damage is that of the digest file.
var errZeroRow = errors.New("the digest file is damaged, the object is right by its MD5, and its bytes are used")

// zeroRun is the long run of rows that NextData is in.
type zeroRun struct {
	next  int64 // its next row, if that is one; 0: in none
	until int64 // volume offset before which no object denies it
}

// believed is known for who decodes nothing where that says zero.
func (v *Volume) believed(ctx context.Context, off int64, run *zeroRun) (zero bool, n int64, err error) {
	p := v.pieceAt(off, v.size)
	n = p.end - off
	if p.by != byRow {
		return p.by == byAbsence, n, nil
	}
	if zero, err = v.zeroRowed(ctx, p); err != nil || !zero {
		return false, n, err
	}
	i, start, end := p.row, p.row*v.rows.block, p.end
	if run.next == i && i > 0 && end <= run.until {
		run.next = i + 1
		return true, n, nil
	}
	if !hasExtent(v.extents, start, end) {
		return true, n, nil // no object says otherwise
	}
	believed, until, err := v.zeroBelieved(ctx, start, end)
	if err != nil {
		return false, 0, err
	}
	if !believed {
		return false, n, nil
	}
	run.until = until
	if run.next == i && i > 0 {
		run.next = i + 1
		return true, n, nil
	}
	rows := 1
	for _, step := range []int64{-1, 1} {
		for k := i + step; rows < longRun && k >= 0 && k < v.rows.file.Rows(); k += step {
			row, err := v.rows.at(ctx, k)
			if err != nil {
				return false, 0, err
			}
			if row != *v.rows.zeroRow(k) {
				break
			}
			rows++
		}
	}
	if rows < longRun {
		return false, n, nil
	}
	run.next = i + 1
	return true, n, nil
}

// zeroRowed reports whether the row of a piece that is proven by one says zero.
func (v *Volume) zeroRowed(ctx context.Context, p piece) (bool, error) {
	row, err := v.digest(ctx, p)
	return err == nil && row == *v.rows.zeroRow(p.row), err
}

// zeroByRow reports whether the row of the block at off, of n bytes, says that all
// of it is zero.
func (v *Volume) zeroByRow(ctx context.Context, off, n int64) bool {
	p := v.pieceAt(off, off+n)
	if p.by != byRow || p.end < off+n {
		return false
	}
	zero, err := v.zeroRowed(ctx, p)
	return err == nil && zero
}

// settleZero decides about a block that is zero by its row, and that its objects
// do not give as zero. If they are right by their MD5, and nothing is odd about
// where _metadata places them, the row is wrong. Else it is right, and what is
// wrong with the objects costs nothing.
func (v *Volume) settleZero(ctx context.Context, b []byte, off int64, damage error, damaged onDamage) error {
	d, ok := errors.AsType[*DamageError](damage)
	if !ok {
		return damage
	}
	whole := *d
	whole.Offset, whole.Length = off, int64(len(b))
	for _, e := range from(v.extents, off) {
		if e.off >= off+int64(len(b)) {
			break
		}
		err := v.prove(ctx, e.object)
		if errors.Is(err, ErrDamaged) {
			if v.asIs {
				return damaged(b, off, &whole)
			}
			clear(b)
			return nil
		}
		if err != nil {
			return err
		}
	}
	if err := v.compose(ctx, b, off); err != nil {
		return err
	}
	switch {
	case isZero(b):
		return nil
	case v.misplaces():
		whole.Reason = "its digest says that it is zero, its object, which has the right MD5, does not, and _metadata is not as Cinder writes it"
		v.catalog.count.damaged.Add(1)
		return damaged(b, off, &whole)
	}
	v.noteZeroRow(off, int64(len(b)))
	if v.asIs {
		whole.Object, whole.Reason, whole.Err = v.chain[0].file("_sha256file"), "the digest says that the block is zero, and it is not", errZeroRow
		return damaged(b, off, &whole)
	}
	return nil
}

// misplaces reports whether _metadata of a layer is not as Cinder writes it.
func (v *Volume) misplaces() bool {
	for _, b := range v.chain {
		if b.oddMetadata || b.Incremental() && b.layout.grain%v.rows.block != 0 {
			return true
		}
	}
	return false
}

// noteZeroRow keeps a block whose row is wrong, and tells of the first.
func (v *Volume) noteZeroRow(off, n int64) {
	v.proofs.mu.Lock()
	first := len(v.proofs.notZero) == 0
	v.proofs.notZero.add(off, n)
	v.proofs.mu.Unlock()
	if first {
		v.catalog.log.Warn("the digest file is damaged: it calls a block zero that is not, in an object that is right by its MD5; the object's bytes are used",
			"backup", v.chain[0].ID, "file", path.Base(v.chain[0].file("_sha256file")), "offset", off)
	}
}

// notZero reports whether the rows of [off, end) are known to be wrong in part.
func (v *Volume) notZero(off, end int64) bool {
	v.proofs.mu.Lock()
	defer v.proofs.mu.Unlock()
	for _, r := range v.proofs.notZero {
		if r.Off < end && r.Off+r.Len > off {
			return true
		}
	}
	return false
}
