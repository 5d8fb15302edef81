package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// Prove compares with the backup's digests what the device holds and the guest did not write, as it
// reads past the page cache. Holes of the backup are not read: that they are zero is what the
// kernel promised when it made them so. What differs is written again and compared again; if it
// still differs the error is a *MismatchError.
func (v *Volume) Prove(ctx context.Context, jobs int) error {
	v.proven.Store(0)
	align := v.align()
	piece := pieceOf(align)
	pieces := make(chan Range)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(pieces)
		done := int64(0)
		return v.eachData(ctx, 0, v.Size(), func(off, end int64) error {
			off = max(off/align*align, done)
			for done = min((end+align-1)/align*align, v.Size()); off < done; {
				to := min(done, (off/piece+1)*piece)
				select {
				case pieces <- Range{Off: off, Len: to - off}:
				case <-ctx.Done():
					return ctx.Err()
				}
				off = to
			}
			return nil
		})
	})
	for range max(jobs, 1) {
		g.Go(func() error {
			b := Buffer(int(piece))
			for r := range pieces {
				if err := v.gate.wait(ctx); err != nil {
					return err
				}
				if err := v.provePiece(ctx, b[:r.Len], r.Off); err != nil {
					return err
				}
				v.proven.Add(r.Len)
			}
			return nil
		})
	}
	return g.Wait()
}

// provePiece compares the piece at off, of whole blocks of digests, with p for a buffer.
func (v *Volume) provePiece(ctx context.Context, p []byte, off int64) error {
	ours, err := v.ours(ctx, off, off+int64(len(p)))
	if err != nil || !ours {
		return err
	}
	if err := v.dev.ReadAt(p, off); err != nil {
		return err
	}
	differs, err := v.src.Differs(ctx, p, off)
	if errors.Is(err, errors.ErrUnsupported) {
		differs, err = []Range{{Off: off, Len: int64(len(p))}}, nil
	}
	if err != nil {
		return fmt.Errorf("digests of the backup at offset %d: %w", off, err)
	}
	for _, r := range differs {
		if r.Off < off || r.Len <= 0 || r.Len > off+int64(len(p))-r.Off {
			return fmt.Errorf("digests of the backup at offset %d: a difference outside", off)
		}
		if err := v.compare(ctx, p[r.Off-off:][:r.Len], r.Off); err != nil {
			return err
		}
	}
	return nil
}

// ours says whether a block of [off, end) is valid and not the guest's.
func (v *Volume) ours(ctx context.Context, off, end int64) (ours bool, err error) {
	err = v.runs(ctx, off, end, validBit, func(off, end int64, valid bool) error {
		if !valid || ours {
			return nil
		}
		return v.runs(ctx, off, end, guestBit, func(_, _ int64, guest bool) error {
			ours = ours || !guest
			return nil
		})
	})
	return ours, err
}

// compare compares a range block by block with the backup, while the guest cannot write there, and
// mends what is wrong. p is a buffer of its length.
func (v *Volume) compare(ctx context.Context, p []byte, off int64) error {
	ours, err := v.ours(ctx, off, off+int64(len(p)))
	if err != nil || !ours {
		return err
	}
	want := Buffer(len(p))
	if err := v.patient(ctx, want, off); err != nil {
		if !v.o.Damaged(err) {
			return err
		}
		return fmt.Errorf("the device differs from the backup at offset %d, which cannot be read "+
			"any more: %w", off, err)
	}
	release, err := v.changing.Claim(ctx, blockStart(off), blockEnd(off+int64(len(p))))
	if err != nil {
		return err
	}
	defer release()
	if err := v.dev.ReadAt(p, off); err != nil {
		return err
	}
	return v.runs(ctx, off, off+int64(len(p)), validBit, func(from, to int64, valid bool) error {
		if !valid {
			return nil
		}
		return v.runs(ctx, from, to, guestBit, func(from, to int64, guest bool) error {
			for at := from; at < to && !guest; at += blockBytes {
				i, j := at-off, min(at+blockBytes, to)-off
				if bytes.Equal(p[i:j], want[i:j]) {
					continue
				}
				if err := v.mend(ctx, want[i:j], at); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// mend writes the block that should be at off again.
func (v *Volume) mend(ctx context.Context, should []byte, off int64) error {
	v.log.Error("the device does not hold what was written to it, which is written again",
		"offset", off, "length", len(should))
	again := Buffer(len(should))
	copy(again, should)
	if err := v.dev.WriteAt(again, off); err != nil {
		return err
	}
	if err := v.take(ctx); err != nil {
		return err
	}
	err := v.syncDevice()
	v.give()
	if err != nil {
		return err
	}
	if err := v.dev.ReadAt(again, off); err != nil {
		return err
	}
	if !bytes.Equal(again, should) {
		return &MismatchError{Off: off, Len: int64(len(should))}
	}
	v.repaired.Add(int64(len(should)))
	return nil
}
