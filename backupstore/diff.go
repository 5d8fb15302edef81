package backupstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/restorefs/restorefs/backupstore/format"
)

// ErrIncomparable says that two backups cannot be compared by their digests.
var ErrIncomparable = errors.New("the backups cannot be compared by their digests")

// Diff returns the ranges in which two backups differ, in order, as long as they
// can be, by their digests. The backups may be of different volumes. Where one
// volume ends before the other it counts as zero. Ranges are of whole blocks; a
// block whose digest is damaged, or is about another number of bytes than the
// other's, counts as different.
//
// No object is opened but where the digests of both call a block zero and it comes
// from different objects: these are compared with that, once, and where one of them
// has data and is right the bytes of both are compared. Errors wrap ErrIncomparable,
// ErrDamaged, or say that the share cannot be read; they come last.
func (c *Catalog) Diff(ctx context.Context, a, b *Backup) iter.Seq2[Range, error] {
	return func(yield func(Range, error) bool) {
		d := differ{size: max(a.Size, b.Size), yield: yield}
		var err error
		if d.a, err = c.openSide(ctx, a); err == nil {
			d.b, err = c.openSide(ctx, b)
		}
		if err == nil && d.a.rows.block != d.b.rows.block {
			err = fmt.Errorf("%w: %s has blocks of %d bytes, %s of %d "+
				"(backup_sha_block_size_bytes was changed in between)",
				ErrIncomparable, a.ID, d.a.rows.block, b.ID, d.b.rows.block)
		}
		if err == nil {
			err = d.all(ctx)
		}
		if err != nil && !d.stopped {
			yield(Range{}, err)
		}
	}
}

// side is one of the two backups.
type side struct{ *Volume }

func (c *Catalog) openSide(ctx context.Context, b *Backup) (side, error) {
	v, err := c.Open(ctx, b)
	if err != nil {
		return side{}, err
	}
	if v.unread != nil {
		return side{}, fmt.Errorf("backup %s: read its digests: %w", b.ID, advised(v.unread))
	}
	if v.rows == nil {
		return side{}, fmt.Errorf("%w: backup %s has no usable _sha256file", ErrIncomparable, b.ID)
	}
	if b.chainEnd > v.rows.end {
		return side{}, fmt.Errorf("%w: the digests of backup %s end at byte %d, its data at %d",
			ErrIncomparable, b.ID, v.rows.end, b.chainEnd)
	}
	return side{v}, nil
}

// page returns the digests from block n*pageRows on, none behind the end of the
// data.
func (s side) page(ctx context.Context, n int64) ([]format.Digest, error) {
	if n*pageRows >= s.rows.file.Rows() {
		return nil, nil
	}
	page, err := s.rows.page(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("backup %s: read its digests: %w", s.Backup().ID, err)
	}
	return page, nil
}

// at returns the digest of block i, the k-th of page, how many bytes it is
// about, and whether they are zero.
func (s side) at(page []format.Digest, k int, i int64) (row format.Digest, covers int64,
	zero bool) {
	if k >= len(page) {
		return row, 0, true
	}
	return page[k], s.rows.covers(i), page[k] == *s.rows.zeroRow(i)
}

type differ struct {
	a, b    side
	size    int64
	shared  int64 // volume offset before which the two have the same bytes of the same objects
	yield   func(Range, error) bool
	run     Range // that has been found, not yet yielded
	stopped bool
}

func (d *differ) all(ctx context.Context) error {
	block := d.a.rows.block
	last := max(d.a.rows.file.Rows(), d.b.rows.file.Rows())
	for n := int64(0); n*pageRows < last; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		pageA, err := d.a.page(ctx, n)
		if err != nil {
			return err
		}
		pageB, err := d.b.page(ctx, n)
		if err != nil {
			return err
		}
		for k := range max(len(pageA), len(pageB)) {
			i := n*pageRows + int64(k)
			rowA, coversA, zeroA := d.a.at(pageA, k, i)
			rowB, coversB, zeroB := d.b.at(pageB, k, i)
			off, end := i*block, min((i+1)*block, d.size)
			same := rowA == rowB && coversA == coversB && rowA != unreadable
			if zeroA && zeroB {
				if same, err = d.sameZeros(ctx, off, end); err != nil {
					return err
				}
			}
			if same {
				continue
			}
			if !d.differs(off, end) {
				return nil
			}
		}
	}
	d.flush()
	for _, s := range []side{d.a, d.b} {
		if err := s.rows.whyUnread(); err != nil && !d.stopped {
			return fmt.Errorf("backup %s: not all of its digests can be read, and blocks without "+
				"count as different: %w", s.Backup().ID, advised(err))
		}
	}
	return nil
}

// sameZeros reports whether two blocks of [off, end) that their rows call zero are
// the same.
func (d *differ) sameZeros(ctx context.Context, off, end int64) (bool, error) {
	if off >= d.shared {
		d.shared = sharedUntil(d.a.Volume, d.b.Volume, off)
	}
	if end <= d.shared {
		return true, nil
	}
	zero := true
	for _, s := range []side{d.a, d.b} {
		stop := min(end, s.size)
		until, err := s.zeroUntil(ctx, min(off, stop), stop)
		if err != nil {
			return false, err
		}
		zero = zero && until == stop
	}
	if zero {
		return true, nil
	}
	buf, free, err := d.a.blockBuffer(ctx, 2*d.a.rows.block)
	if err != nil {
		return false, err
	}
	defer free()
	blocks := [2][]byte{buf[:d.a.rows.block], buf[d.a.rows.block:]}
	for i, s := range []side{d.a, d.b} {
		err := s.ReadAt(ctx, blocks[i][:max(0, min(end, s.size)-off)], min(off, s.size))
		if errors.Is(err, ErrDamaged) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return bytes.Equal(blocks[0], blocks[1]), nil
}

// sharedUntil is the first byte at or behind off that two volumes have from
// different objects, or only one of them from any.
func sharedUntil(a, b *Volume, off int64) int64 {
	for {
		pieceA := pieceAt(a.extents, rowGrid{}, off, math.MaxInt64)
		pieceB := pieceAt(b.extents, rowGrid{}, off, math.MaxInt64)
		if pieceA.by != pieceB.by ||
			pieceA.by == byMD5 && a.sourceOf(pieceA.object) != b.sourceOf(pieceB.object) {
			return off
		}
		if off = min(pieceA.end, pieceB.end); off == math.MaxInt64 {
			return off
		}
	}
}

// differs adds a range and reports whether to go on.
func (d *differ) differs(off, end int64) bool {
	if d.run.Len > 0 && d.run.Off+d.run.Len == off {
		d.run.Len = end - d.run.Off
		return true
	}
	if !d.flush() {
		return false
	}
	d.run = Range{off, end - off}
	return true
}

func (d *differ) flush() bool {
	if d.run.Len > 0 && !d.yield(d.run, nil) {
		d.stopped = true
	}
	d.run = Range{}
	return !d.stopped
}
