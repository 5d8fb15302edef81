package backupstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/restorefs/restorefs/backupstore/format"
)

// finish compares a layer with its parent, which is already proven, and reports the layer.
func (v *verifier) finish(ctx context.Context, l *layerProof) error {
	ctx, done := v.catalog.engine.Hold(ctx)
	defer done()
	if l.own != nil {
		f := finisher{verifier: v, layerProof: l, parent: v.done[l.backup.parent]}
		if err := f.compare(ctx); err != nil {
			return err
		}
		f.inherit()
		if err := l.own.whyUnread(); err != nil {
			l.unread = append(l.unread, fmt.Errorf("its digests: %w", advised(err)))
		}
	}
	if why := l.backup.Doubt(); why != "" {
		l.damage(Damage{Length: l.backup.Size, Reason: why})
	}
	if l.rows != nil {
		if why := sizeDoubt(l.backup, l.rows.file); why != "" {
			l.notes = append(l.notes, why)
		}
	}
	if l.needless > 0 {
		l.notes = append(l.notes,
			fmt.Sprintf("blocks that are zero by their digests, so that nothing is lost, "+
				"in damaged objects: %d, first in %s", l.needless, l.needlessAt))
	}
	if l.oddEnds > 0 {
		l.notes = append(l.notes,
			fmt.Sprintf("objects that do not end where _metadata says, though what is used of "+
				"them is right: %d, first %s", l.oddEnds, l.oddEnd))
	}
	l.damaged = joined(l.damaged)
	v.done[l.backup] = l
	v.o.Progress.done.Add(l.backup.StoredBytes - l.counted)
	if !v.wanted[l.backup] {
		l.own = nil
		return nil
	}
	damaged, unread := split(l.damaged)
	r := Report{Backup: l.backup, OK: len(l.damaged)+len(l.unread) == 0 && l.own != nil,
		Bytes:   l.backup.Size,
		Damaged: damaged, Unread: append(l.unread, unread...), Notes: l.notes}
	if l.rows != nil {
		r.Blocks = l.rows.file.Rows()
	}
	var lost ranges // a set, because a range can have several reasons
	for _, d := range l.damaged {
		lost.add(d.Offset, d.Length)
	}
	for _, d := range lost {
		r.Bytes -= d.Len
		if l.rows != nil && d.Off < l.rows.end {
			r.Blocks -= (min(d.Off+d.Len, l.rows.end) - d.Off + l.rows.block - 1) / l.rows.block
		}
	}
	l.own = nil // children need only its rows and its damage
	return v.each(r)
}

// finisher proves what a layer has from its parents.
type finisher struct {
	*verifier
	*layerProof
	parent  *layerProof // nil: none
	full    *Volume     // the composed volume; nil: not needed yet
	judged  ranges      // what was decoded and compared with the layer's own digests
	rowless int64       // rows that are damaged
}

// compare goes through the layer's digest rows.
func (f *finisher) compare(ctx context.Context) error {
	rows := f.layerProof.rows
	if rows == nil {
		if f.backup.HasDigests && f.own.unread == nil {
			f.notes = append(f.notes,
				"its _sha256file cannot be used: objects were checked against their MD5")
		}
		f.note()
		return f.undigested(ctx, 0)
	}
	var todo Range
	flush := func() error {
		at := todo
		todo = Range{}
		return f.decode(ctx, at)
	}
	for n := int64(0); n*pageRows < rows.file.Rows(); n++ {
		page, err := rows.page(ctx, n)
		if err != nil {
			return fmt.Errorf("backup %s: read its digests: %w", f.backup.ID, err)
		}
		parents, err := f.parentPage(ctx, n)
		if err != nil {
			return err
		}
		for k, row := range page {
			i := n*pageRows + int64(k)
			off := i * rows.block
			if row == unreadable {
				f.rowless++
			}
			if f.own.covers(off) || f.inherits(parents, k, i, row) {
				continue
			}
			if todo.Len > 0 && todo.Off+todo.Len != off || todo.Len+rows.block > verifyPiece {
				if err := flush(); err != nil {
					return err
				}
			}
			if todo.Len == 0 {
				todo.Off = off
			}
			todo.Len = min(off+rows.block, f.own.size) - todo.Off
		}
	}
	if f.rowless > 0 {
		what := "are damaged"
		if rows.whyUnread() != nil {
			what = "are damaged or cannot be read"
		}
		f.notes = append(f.notes,
			fmt.Sprintf("%d of the %d rows of its _sha256file %s: those blocks were "+
				"checked otherwise", f.rowless, rows.file.Rows(), what))
	}
	if err := flush(); err != nil {
		return err
	}
	return f.undigested(ctx, rows.end)
}

// note records which of the layer's own objects have their MD5.
func (f *finisher) note() {
	p := f.own.proofs
	p.mu.Lock()
	defer p.mu.Unlock()
	for ref := range p.done {
		f.md5[source{f.backup, f.own.objects[ref].Number}] = nil
	}
	for ref, err := range p.failed {
		f.md5[source{f.backup, f.own.objects[ref].Number}] = err
	}
}

// undigested proves what the layer has from its parents from off on, where it has no digests. Reads
// there need the MD5 of whole objects: the proof of the parents' own digests is not enough, and a
// damaged block costs the whole object.
func (f *finisher) undigested(ctx context.Context, off int64) error {
	if f.parent == nil || off >= f.own.size {
		return nil
	}
	f.judged.add(off, f.own.size-off)
	if err := f.compose(ctx); err != nil {
		if !finding(ctx, err) {
			return err
		}
		f.damage(Damage{Offset: off, Length: f.own.size - off}.because(err))
		return nil
	}
	for p := range f.full.pieces(off, f.full.size) {
		if p.by != byMD5 || f.full.objects[p.object].layer == 0 {
			continue // zero, or of the layer itself
		}
		o := &f.full.objects[p.object]
		src := source{f.full.chain[o.layer], o.Number}
		err, known := f.md5[src]
		if !known {
			err = f.full.prove(ctx, p.object)
			if err == nil || errors.Is(err, ErrDamaged) {
				f.md5[src] = err
			}
		}
		if err != nil && !finding(ctx, err) {
			return err
		}
		if d, ok := errors.AsType[*DamageError](err); ok {
			part := *d
			part.Offset, part.Length = p.off, p.end-p.off
			f.damage(f.describe(ctx, f.full, &part))
		} else if err != nil {
			f.damage(Damage{Offset: p.off, Length: p.end - p.off,
				Object: src.backup.objectFile(src.object)}.because(err))
		}
	}
	return nil
}

// parentPage returns the parent's digest rows, nil if they cannot be compared.
func (f *finisher) parentPage(ctx context.Context, n int64) (page []format.Digest, err error) {
	if f.parent == nil || f.parent.rows == nil || f.parent.rows.block != f.layerProof.rows.block ||
		n*pageRows >= f.parent.rows.file.Rows() {
		return nil, nil
	}
	if page, err = f.parent.rows.page(ctx, n); err != nil {
		return nil, fmt.Errorf("backup %s: read its digests: %w", f.parent.backup.ID, err)
	}
	return page, nil
}

// inherits reports whether block i, which is not wholly in the layer's objects, is proven by the
// proof of its parent.
func (f *finisher) inherits(parents []format.Digest, k int, i int64, row format.Digest) bool {
	rows := f.layerProof.rows
	off := i * rows.block
	if hasExtent(f.own.extents, off, min(off+rows.block, f.own.size)) {
		return false // partly in the layer itself
	}
	if f.parent == nil {
		return row == *rows.zeroRow(i)
	}
	if row == unreadable || k >= len(parents) || row != parents[k] {
		return false
	}
	// The last rows of both must cover equally many bytes.
	return rows.covers(i) == f.parent.rows.covers(i)
}

// decode proves blocks by the composed volume.
func (f *finisher) decode(ctx context.Context, r Range) error {
	if r.Len == 0 {
		return nil
	}
	f.judged.add(r.Off, r.Len)
	err := f.compose(ctx)
	var buf []byte
	if err == nil {
		var free func()
		if buf, free, err = f.full.blockBuffer(ctx, r.Len); err == nil {
			defer free()
		}
	}
	if err == nil {
		// Not by reading, which skips what rows call zero.
		err = f.full.fill(ctx, buf, r.Off, func(_ []byte, _ int64, d *DamageError) error {
			if zero, n, err := f.full.known(ctx, d.Offset); err == nil && zero && n >= d.Length &&
				!errors.Is(d, errZeroRow) {
				f.spare(d)
				return nil
			}
			if errors.Is(d, errZeroRow) {
				f.damage(Damage{Offset: d.Offset, Length: d.Length, Object: d.Object,
					Reason: d.Reason + ": " + errZeroRow.Error()})
				return nil
			}
			f.damage(f.describe(ctx, f.full, d))
			return nil
		})
	}
	if err != nil && finding(ctx, err) {
		f.damage(Damage{Offset: r.Off, Length: r.Len}.because(err))
		return nil
	}
	return err
}

func (f *finisher) compose(ctx context.Context) error {
	if f.full != nil {
		return nil
	}
	full, err := f.catalog.open(ctx, f.backup, mode{unhealed: true})
	if err == nil {
		f.full = full
	}
	return err
}

// inherit takes over the parent's damage where the layer has no bytes of its own.
func (f *finisher) inherit() {
	if f.parent == nil {
		return
	}
	block := int64(f.own.Align())
	for _, d := range f.parent.damaged {
		end := min(d.Offset+d.Length, f.own.size)
		off := d.Offset
		d.Length = 0
		for off < end {
			next := min(end, (off/block+1)*block)
			if !f.own.covers(off/block*block) && !f.judged.has(off) {
				if d.Length == 0 {
					d.Offset = off
				}
				d.Length = next - d.Offset
			} else if d.Length > 0 {
				f.damaged = append(f.damaged, d)
				d.Length = 0
			}
			off = next
		}
		if d.Length > 0 {
			f.damaged = append(f.damaged, d)
		}
	}
}

// joined sorts damage and joins adjacent ranges with the same cause.
func joined(all []Damage) []Damage {
	slices.SortStableFunc(all, func(a, b Damage) int { return cmp.Compare(a.Offset, b.Offset) })
	var out []Damage
	for _, d := range all {
		if k := len(out) - 1; k >= 0 && d.Offset <= out[k].Offset+out[k].Length &&
			d.Object == out[k].Object && d.Reason == out[k].Reason && d.Sibling == out[k].Sibling &&
			d.unread == out[k].unread {
			out[k].Length = max(out[k].Length, d.Offset+d.Length-out[k].Offset)
			continue
		}
		out = append(out, d)
	}
	return out
}
