package backupstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"iter"
	"slices"

	"github.com/restorefs/restorefs/backupstore/format"
)

// mend heals a block or reports it.
func (v *Volume) mend(ctx context.Context, b []byte, off int64, damage error,
	damaged onDamage) error {
	if !v.mode.unhealed {
		healed, err := v.heal(ctx, b, off)
		if healed || err != nil {
			return err
		}
	}
	d, ok := errors.AsType[*DamageError](damage)
	if !ok {
		return damage
	}
	whole := *d
	whole.Offset, whole.Length = off, int64(len(b))
	v.catalog.count.damaged.Add(1)
	return damaged(b, off, &whole)
}

// heal takes a block from a sibling: another backup of the volume that has the
// same digest for it, in another object. What it finds is verified by v's own
// digest. Siblings are read as they are, not healed in turn.
func (v *Volume) heal(ctx context.Context, b []byte, off int64) (healed bool, err error) {
	for s, err := range v.healers(ctx, off, int64(len(b))) {
		if err != nil {
			return false, err
		}
		if err := s.compose(ctx, b[:s.covers], off); err != nil {
			if ctx.Err() != nil {
				return false, ctx.Err()
			}
			continue
		}
		if sha256.Sum256(b[:s.covers]) == s.want {
			clear(b[s.covers:])
			v.noteHealed(s.Backup(), off, int64(len(b)))
			return true, nil
		}
	}
	return false, ctx.Err()
}

// healer is a sibling that should have a block.
type healer struct {
	*Volume
	covers int64 // bytes of the block that its digest covers; the rest is zero
	want   format.Digest
}

// healers returns the siblings that should have the block of n bytes at off, the most promising
// first. Siblings that cannot be read are skipped. An error ends the sequence; it is that of ctx,
// or that of reading v's own digests.
func (v *Volume) healers(ctx context.Context, off, n int64) iter.Seq2[healer, error] {
	return func(yield func(healer, error) bool) {
		p := v.pieceAt(off, off+n)
		if p.by != byRow || p.end < off+n {
			return // nothing would prove the bytes of a sibling
		}
		want, err := v.digest(ctx, p)
		if err != nil {
			yield(healer{}, err)
			return
		}
		if want == unreadable {
			return
		}
		mine := v.sources(off, n)
		// Backups whose chain does not contain the damaged object's backup are certainly
		// independent of it.
		for _, independent := range []bool{true, false} {
			for _, s := range v.siblings.list(v) {
				if s.independent(mine) != independent {
					continue
				}
				vol := s.composed(ctx, v, p, want)
				if ctx.Err() != nil {
					yield(healer{}, ctx.Err())
					return
				}
				if vol == nil || slices.Equal(vol.sources(off, n), mine) {
					continue
				}
				if !yield(healer{vol, min(p.covers, n), want}, nil) {
					return
				}
			}
		}
	}
}

func (v *Volume) noteHealed(from *Backup, off, n int64) {
	object := ""
	if src := v.sources(off, n); len(src) > 0 {
		object = src[0].backup.objectFile(src[0].object)
	}
	v.catalog.count.healed.Add(1)
	s := v.siblings
	s.mu.Lock()
	s.healed.add(off, n)
	first := !s.said[object]
	if first {
		if s.said == nil {
			s.said = map[string]bool{}
		}
		s.said[object] = true
	}
	s.mu.Unlock()
	if first {
		v.catalog.log.Warn("an object is damaged; the same bytes are taken from another backup "+
			"of the volume and verified",
			"backup", v.chain[0].ID, "object", object, "offset", off, "from", from.ID)
	}
}

// Healed returns the ranges of the volume that were damaged in its own chain and have been read
// from siblings so far, in order.
func (v *Volume) Healed() []Range {
	v.siblings.mu.Lock()
	defer v.siblings.mu.Unlock()
	return slices.Clone(v.siblings.healed)
}
