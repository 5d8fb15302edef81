package backupstore

import (
	"context"
	"crypto/md5"
	"sync"
)

// An object whose blocks are all zero by their rows must have the MD5 of so many zeros in
// _metadata. Checking that needs no read of the object, and one computation for each length, of
// which a backup has two. So wrong rows are found in runs of any length, and the object is then
// read like any other. The MD5 of an object that holds other data as well says nothing about a part
// of it (zerocompare.go).

// zeroVerdict is what an object's MD5 says of the rows that call its blocks zero.
type zeroVerdict uint8

const (
	saysNothing zeroVerdict = iota // not all rows say zero, or only a part is in the volume
	saysZero
	saysData // the digest file is damaged, or the object is not this volume's
)

// verdict returns what _metadata says about an object's rows of zeros.
func (v *Volume) verdict(ctx context.Context, ref int) (zeroVerdict, error) {
	v.zeros.mu.Lock()
	known, ok := v.zeros.verdicts[ref]
	v.zeros.mu.Unlock()
	if ok {
		return known, nil
	}
	o, says := &v.objects[ref], saysNothing
	zero, err := v.zeroByAllRows(ctx, ref)
	if zero && err == nil {
		var sum [md5.Size]byte
		sum, err = v.catalog.zeros.md5(ctx, o.Length)
		if says = saysData; sum == o.MD5 {
			says = saysZero
		}
	}
	if err != nil {
		return 0, err
	}
	v.zeros.mu.Lock()
	defer v.zeros.mu.Unlock()
	v.zeros.verdicts[ref] = says
	return says, nil
}

// zeroByAllRows reports whether the volume has all of object ref, and all of its rows say zero.
func (v *Volume) zeroByAllRows(ctx context.Context, ref int) (bool, error) {
	o := &v.objects[ref]
	es := from(v.extents, o.Offset)
	if len(es) == 0 || es[0] != (extent{o.Offset, o.End(), ref}) {
		return false, nil
	}
	for p := range v.pieces(o.Offset, o.End()) {
		if p.by != byRow {
			return false, nil
		}
		if row, err := v.digest(ctx, p); err != nil || row != *v.rows.zeroRow(p.row) {
			return false, err
		}
	}
	return true, nil
}

// fileSize is Cinder's default backup_file_size: the length of all objects of a volume but the
// last.
const fileSize = 1999994880

// zeroSums keeps MD5s of zeros.
type zeroSums struct {
	turn chan struct{} // held to compute one

	mu  sync.Mutex
	sum map[int64][md5.Size]byte // by length
}

// maxZeroSums bounds zeroSums.
const maxZeroSums = 1024

func newZeroSums() *zeroSums {
	return &zeroSums{turn: make(chan struct{}, 1), sum: map[int64][md5.Size]byte{
		// This one takes seconds to compute.
		fileSize: {0x88, 0xbc, 0x2b, 0x13, 0x2b, 0x1e, 0x22, 0xdb, 0x01, 0x7e, 0xda, 0x28, 0xea,
			0x5c, 0x6f, 0x05},
	}}
}

// md5 returns the MD5 of n zeros. An error is that of ctx.
func (z *zeroSums) md5(ctx context.Context, n int64) (sum [md5.Size]byte, err error) {
	if sum, ok := z.get(n); ok {
		return sum, nil
	}
	select {
	case z.turn <- struct{}{}:
		defer func() { <-z.turn }()
	case <-ctx.Done():
		return sum, ctx.Err()
	}
	if sum, ok := z.get(n); ok {
		return sum, nil
	}
	var zeros [64 << 10]byte
	h := md5.New()
	for left := n; left > 0; left -= int64(len(zeros)) {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		h.Write(zeros[:min(left, int64(len(zeros)))])
	}
	h.Sum(sum[:0])
	z.mu.Lock()
	defer z.mu.Unlock()
	if len(z.sum) < maxZeroSums {
		z.sum[n] = sum
	}
	return sum, nil
}

func (z *zeroSums) get(n int64) (sum [md5.Size]byte, ok bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	sum, ok = z.sum[n]
	return sum, ok
}
