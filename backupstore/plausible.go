package backupstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/backupstore/format"
)

// _metadata has no checksum. Digests of the composed volume prove it as well. Without them an
// object has its MD5, but nothing proves which bytes of the volume it is, nor whether there is a
// parent. So _metadata is compared with what Cinder writes (chunkeddriver.py: _prepare_backup,
// backup, _write_metadata): all names are there, objects are numbered from 1 on, a full backup
// begins at byte 0 and has no gap, and an incremental consists of whole digest blocks.

// usualBlock is the default of backup_sha_block_size_bytes; sector is the unit that every disk
// consists of.
const (
	usualBlock = 32 << 10
	sector     = 512
)

// objectList describes the list of objects of one backup.
type objectList struct {
	objects  uint32
	numbered bool  // not numbered 1, 2, 3 and so on
	end      int64 // of the last object
	gap      string
	grain    int64 // greatest number that divides each offset; 0: all are 0
	unusual  int   // offsets that are no multiples of usualBlock
	first    format.Object
}

// add is called for each object, in order.
func (l *objectList) add(o format.Object) {
	l.objects++
	l.numbered = l.numbered || o.Number != l.objects
	if o.Offset != l.end && l.gap == "" {
		l.gap = fmt.Sprintf("bytes %d to %d before its object %05d are in none", l.end, o.Offset, o.Number)
	}
	l.end = o.End()
	for a, b := l.grain, o.Offset; ; a, b = b, a%b {
		if b == 0 {
			l.grain = a
			break
		}
	}
	if o.Offset%usualBlock != 0 {
		if l.unusual++; l.unusual == 1 {
			l.first = o
		}
	}
}

// doubt returns how _metadata differs from what Cinder writes, "" if it does not. The alignment of
// an incremental is left to misplaced.
func (l *objectList) doubt(m format.Metadata) string {
	full := m.ParentID == ""
	switch {
	case len(m.Missing) > 0:
		return fmt.Sprintf("it lacks %s, which Cinder always writes", strings.Join(m.Missing, ", "))
	case m.OddEntry != 0:
		return fmt.Sprintf("the entry of object %05d is not in the form in which Cinder writes it", m.OddEntry)
	case full && l.objects == 0:
		return "a full backup without any object"
	case full && l.gap != "":
		return "a full backup begins at byte 0 and has no gaps, and " + l.gap
	case l.numbered:
		return "its objects are not numbered one after the other from 00001 on"
	}
	return ""
}

// misplaced returns which object of an incremental backup does not begin at a digest block. block
// is 0 if its size is not known: then it is the usual one, unless several objects contradict that.
func (l *objectList) misplaced(block int64) string {
	least := block
	if block == 0 {
		if least = usualBlock; l.unusual > 1 {
			least = sector
		}
	}
	if l.grain%least == 0 {
		return ""
	}
	return fmt.Sprintf("its object %05d begins at byte %d, which is no multiple of the %d bytes of a digest block", l.first.Number, l.first.Offset, least)
}

// inDoubt notes that nothing proves where a backup's objects belong, unless it has digests, which
// do.
func (b *Scanned) inDoubt(why string) {
	b.oddMetadata = true
	if b.HasDigests {
		b.alone.problem("its _metadata is not as Cinder writes it: %s; only its digests prove what is read", why)
		return
	}
	only := b.alone.State == Complete
	b.alone.broken("its _metadata is not as Cinder writes it, and without digests nothing proves that it is right: %s", why)
	b.alone.doubtful = only
}

// Doubt returns why nothing proves that the backup is what it seems to be, though all of it exists;
// "" for all other backups.
func (b *Backup) Doubt() string {
	if !b.doubtful {
		return ""
	}
	return b.Problems[0]
}

// place checks where the objects of incremental backups without digests begin, against the digest
// blocks of a backup that they are based on: Cinder makes no increment with blocks of another size.
// An error is always that of ctx.
func (s *scanner) place(ctx context.Context) error {
	byID := map[string]*Scanned{}
	for _, b := range s.look.backups {
		if was := byID[b.ID]; was == nil || b.alone.State < was.alone.State {
			byID[b.ID] = b
		}
	}
	for file, b := range s.look.backups {
		if !b.readable || b.HasDigests || !b.Incremental() || b.list.unusual == 0 {
			continue
		}
		var block int64
		for l, n := byID[b.ParentID], 0; l != nil && block == 0 && n < maxChain; l, n = byID[l.ParentID], n+1 {
			var err error
			if block, err = s.blockOf(ctx, l); err != nil {
				return err
			}
		}
		if why := b.list.misplaced(block); why != "" {
			changed := *b // a copy, because b may be published already
			changed.alone.Problems = slices.Clone(b.alone.Problems)
			changed.inDoubt(why)
			s.look.backups[file] = &changed
		}
	}
	return nil
}

// blockOf returns the size of a backup's digest blocks, 0 if it is not known from its digests.
func (s *scanner) blockOf(ctx context.Context, b *Scanned) (int64, error) {
	if !b.HasDigests {
		return 0, nil
	}
	f, err := s.share.Open(ctx, b.file("_sha256file"))
	if err == nil {
		defer f.Close()
		var d *format.Digests
		if d, err = format.OpenDigests(ctx, f); err == nil {
			return d.BlockBytes(), nil
		}
	}
	return 0, ctx.Err()
}
