package backupstore

import (
	"context"
	"strings"

	"github.com/restorefs/restorefs/backupstore/format"
)

// resolve links every backup to its parent and carries the parents' troubles
// and sizes up to their children.
func resolve(s snapshot) {
	for _, b := range s.backups {
		if b.usable && b.Incremental() {
			b.parent = s.byID[b.ParentID]
		}
	}
	settled := map[*Backup]bool{}
	for _, b := range s.backups {
		// Ancestors first, so that each is judged once however long the chain.
		var line []*Backup
		onLine := map[*Backup]bool{}
		for l := b; l != nil && !settled[l]; l = l.parent {
			if onLine[l] {
				cut(line, l)
				break
			}
			line, onLine[l] = append(line, l), true
		}
		for i := len(line) - 1; i >= 0; i-- {
			judge(line[i])
			settled[line[i]] = true
		}
	}
}

// cut opens the cycle that starts at from: none of its backups can be used.
func cut(line []*Backup, from *Backup) {
	inside := false
	for _, b := range line {
		if inside = inside || b == from; inside {
			b.broken("its parents form a cycle: %s is its own ancestor", b.ID)
			b.usable = false
		}
	}
	for _, b := range line {
		if !b.usable {
			b.parent = nil
		}
	}
}

// judge settles b's state and size; its parent is settled already.
func judge(b *Backup) {
	end := b.end
	switch p := b.parent; {
	case !b.usable, !b.Incremental():
	case p == nil:
		b.broken("its parent %s is not on the share", b.ParentID)
	case p.VolumeID != b.VolumeID:
		b.broken("its parent %s is a backup of another volume", p.ID)
		b.usable = false
	case p.State == Incomplete:
		b.broken("its parent %s is incomplete", p.ID)
	case p.State == Broken:
		b.broken("its parent %s is broken: %s", p.ID, strings.TrimPrefix(p.Problems[0], "its parent "+p.ID+" is broken: "))
		end = max(end, p.end)
	default:
		end = max(end, p.end)
	}
	b.end = end
	gib := b.VolumeMeta.SizeBytes()
	if b.usable && gib > 0 && end > gib {
		b.problem("its data ends at byte %d, beyond the volume's recorded size of %d: the larger one counts", end, gib)
	}
	if b.usable {
		b.Size = max(gib, end)
	}
}

// sizeFromDigests finds the volume's size for backups that do not record it:
// from the number of digest rows.
func (c *Catalog) sizeFromDigests(ctx context.Context, b *Backup) error {
	if !b.usable || !b.HasDigests || b.VolumeMeta.SizeBytes() > 0 {
		return nil
	}
	f, err := c.share.Open(ctx, b.file("_sha256file"))
	if err == nil {
		defer f.Close()
		var d *format.Digests
		if d, err = format.OpenDigests(ctx, f); err == nil {
			b.Size = max(b.end, coveredBytes(d, b.end))
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		b.problem("the volume's size is not recorded and its digests do not tell it (%v): taken from the end of the data", err)
	}
	return nil
}

// coveredBytes is the volume offset at which the digest rows end, given where
// the data ends: the last block may be short.
func coveredBytes(d *format.Digests, end int64) int64 {
	covered := d.Rows() * d.BlockBytes()
	if end < covered && end > covered-d.BlockBytes() {
		return end
	}
	return covered
}
