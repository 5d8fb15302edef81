package backupstore

import (
	"context"
	"crypto/sha256"
	"errors"
)

// A decoder that is on its way to a block passes others, which the cache keeps. To prove them costs
// half of what decoding them does, and a reader that goes from place to place wants few of them. So
// that is left for when they are wanted.

// LoadUnproven fills p, aligned as for Load, with the bytes that the objects have at off. It
// refuses where Prove could not tell later whether they are right, as not all have digest rows, and
// where the objects cannot be decoded. An error is that of ctx, or of the share.
func (v *Volume) LoadUnproven(ctx context.Context, p []byte, off int64) (ok bool, err error) {
	for p := range v.pieces(off, off+int64(len(p))) {
		if p.by != byRow {
			return false, nil
		}
		row, err := v.digest(ctx, p)
		if err != nil || row == unreadable {
			return false, err
		}
	}
	err = v.compose(ctx, p, off)
	if errors.Is(err, ErrDamaged) {
		return false, nil
	}
	return err == nil, err
}

// Prove reports whether p, which LoadUnproven filled at off, has the digests of its blocks. An
// error is that of ctx.
func (v *Volume) Prove(ctx context.Context, p []byte, off int64) (right bool, err error) {
	for piece := range v.pieces(off, off+int64(len(p))) {
		if piece.by != byRow {
			return false, nil
		}
		want, err := v.digest(ctx, piece)
		if err != nil {
			return false, err
		}
		b := p[piece.off-off : piece.end-off]
		n := min(piece.covers, int64(len(b)))
		if want == unreadable || sha256.Sum256(b[:n]) != want || !isZero(b[n:]) {
			return false, nil
		}
	}
	return true, nil
}
