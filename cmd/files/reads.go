package files

import (
	"context"
	"maps"
	"slices"

	"github.com/restorefs/restorefs/backupstore"
)

const (
	// readPiece is the unit in which reads are remembered: Cinder's blocks of digests.
	readPiece = 32 << 10
	// maxReads bounds them, at some 20 bytes each: 8 GiB that were read.
	maxReads = 1 << 18
)

// Reads are the pieces of a disk that were read, as far as there is room.
type Reads struct {
	pieces map[int64]struct{}
	full   bool
}

func (r *Reads) add(off, n int64) {
	if r.pieces == nil {
		r.pieces = map[int64]struct{}{}
	}
	for at := off / readPiece; at*readPiece < off+n; at++ {
		if len(r.pieces) >= maxReads {
			r.full = true
			return
		}
		r.pieces[at] = struct{}{}
	}
}

// Unchanged says that all that was read of one backup's disk is the same in another backup of the
// volume, by the digests of both: whoever reads that disk for the same sees the same. An error is
// that of ctx.
func (r *Reads) Unchanged(
	ctx context.Context,
	catalog *backupstore.Catalog,
	was, is *backupstore.Backup,
) (bool, error) {
	if r.full || was.VolumeID != is.VolumeID || was.Size != is.Size {
		return false, nil
	}
	before, err := catalog.Digests(ctx, was)
	if err != nil || before == nil {
		return false, err
	}
	now, err := catalog.Digests(ctx, is)
	if err != nil || now == nil || now.Align() != before.Align() {
		return false, err
	}
	align, seen := int64(now.Align()), int64(-1)
	for _, piece := range slices.Sorted(maps.Keys(r.pieces)) {
		end := min((piece+1)*readPiece, is.Size)
		for off := max(piece*readPiece/align*align, seen); off < end; off += align {
			if same, err := sameBlock(ctx, before, now, off); err != nil || !same {
				return false, err
			}
			seen = off + align
		}
	}
	return true, nil
}

// sameBlock reports whether both have a digest of the block at off, and the same one.
func sameBlock(ctx context.Context, one, other *backupstore.Digests, off int64) (bool, error) {
	a, known, err := one.Digest(ctx, off)
	if err != nil || !known {
		return false, err
	}
	b, known, err := other.Digest(ctx, off)
	return err == nil && known && a == b, err
}
