package backupstore

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// read has the objects of a layer read.
func (v *verifier) read(ctx context.Context, readers *errgroup.Group, l *layerProof) {
	if l.own == nil {
		return
	}
	for _, e := range l.own.extents {
		for _, part := range l.own.parts(ctx, e) {
			if ctx.Err() != nil {
				return
			}
			l.reading.Add(1)
			readers.Go(func() error {
				defer l.reading.Done()
				ctx, end, err := v.turns.begin(ctx)
				if err != nil {
					return err
				}
				defer end()
				return v.prove(ctx, l, e, part.Off, part.Off+part.Len)
			})
		}
	}
}

// parts splits an object at places where it can be entered.
func (v *Volume) parts(ctx context.Context, e extent) []Range {
	o := &v.objects[e.object]
	if v.rows == nil || o.Length <= smallObject {
		return []Range{{e.off, e.end - e.off}}
	}
	cuts, _ := v.splits(ctx, o, e)
	var out []Range
	at := e.off
	for _, cut := range append(cuts, e.end) {
		if cut < e.end {
			cut = cut / v.rows.block * v.rows.block
		}
		if cut > at {
			out = append(out, Range{at, cut - at})
			at = cut
		}
	}
	return out
}

// prove proves those blocks that begin in [off, end), a part of e, and are wholly in the layer.
func (v *verifier) prove(ctx context.Context, l *layerProof, e extent, off, end int64) error {
	own := l.own
	ctx, done := v.catalog.engine.Hold(ctx)
	defer done()
	left := end - off
	passed := func(n int64) {
		n = min(n, left)
		left -= n
		v.count(l, n)
	}
	defer func() { passed(left) }()
	if own.rows == nil {
		err := own.proveTelling(ctx, e.object, passed)
		if d, ok := errors.AsType[*DamageError](err); ok {
			l.damage(v.describe(ctx, own, d))
			return nil
		}
		if oddEnd := own.proofs.oddEnd(e.object); err == nil && oddEnd != nil {
			l.noteOddEnd(e.object, oddEnd)
		}
		return v.unreadable(ctx, l, e.object, off, end, err)
	}
	block := own.rows.block
	at := (off + block - 1) / block * block
	buf, free, err := own.blockBuffer(ctx, max(verifyPiece/block*block, block))
	if err != nil {
		return v.unreadable(ctx, l, e.object, off, end, err)
	}
	defer free()
	hurt := false
	for at < end {
		stop := at
		for stop < end && stop-at < int64(len(buf)) && own.covers(stop) {
			stop = min(stop+block, own.size)
		}
		if stop == at { // partly the parent's: finish proves it
			at += block
			continue
		}
		err := own.fill(ctx, buf[:stop-at], at, func(_ []byte, _ int64, d *DamageError) error {
			hurt = true
			if errors.Is(d, errZeroRow) {
				l.damage(Damage{Offset: d.Offset, Length: d.Length, Object: d.Object,
					Reason: d.Reason + ": " + errZeroRow.Error()})
				return nil
			}
			if zero, n, err := own.known(ctx, d.Offset); err == nil && zero && n >= d.Length {
				l.spare(d)
				return nil
			}
			l.damage(v.describe(ctx, own, d))
			return nil
		})
		hurt = hurt || err != nil
		if err := v.unreadable(ctx, l, e.object, at, stop, err); err != nil {
			return err
		}
		passed(stop - at)
		at = stop
	}
	if end < e.end || hurt {
		return nil
	}
	return l.checkEnd(ctx, e.object)
}

// checkEnd notes an object whose bytes are right but which is longer, or ends otherwise, than
// _metadata says.
func (l *layerProof) checkEnd(ctx context.Context, ref int) error {
	o := &l.own.objects[ref]
	live, err := l.own.catalog.live.get(ctx, l.backup, o.Object)
	if err == nil {
		err = live.value.CheckEnd(ctx)
		l.own.catalog.live.release(live)
	}
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	l.noteOddEnd(ref, err)
	return nil
}

func (l *layerProof) noteOddEnd(ref int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.oddEnds++; l.oddEnd == "" {
		l.oddEnd = fmt.Sprintf("%s: %v", l.backup.objectFile(l.own.objects[ref].Number), err)
	}
}

// count adds n decoded bytes to the progress, as stored ones.
func (v *verifier) count(l *layerProof, n int64) {
	stored := int64(float64(l.backup.StoredBytes) * float64(n) / float64(l.bytes))
	l.mu.Lock()
	l.counted += stored
	l.mu.Unlock()
	v.o.Progress.done.Add(stored)
}

// covers reports whether v's own objects have all of the block at off, or all that its digest
// covers.
func (v *Volume) covers(off int64) bool {
	end := min(off+int64(v.Align()), v.size)
	p := v.pieceAt(off, end)
	switch {
	case v.rows == nil:
	case p.by != byRow:
		return hasExtent(v.extents, off, end) // no digest; the MD5 proves it
	case p.end == end:
		end = min(end, off+p.covers)
	}
	return hasAll(v.extents, off, end)
}
