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
	step     int64 // greatest number that divides each length, but for those of no whole sectors
	odd      bool  // one of no whole sectors is not the last
	last     int64 // length of the last object
	unusual  int   // offsets that are no multiples of usualBlock
	first    format.Object
}

// add is called for each object, in order.
func (l *objectList) add(o format.Object) {
	l.objects++
	l.numbered = l.numbered || o.Number != l.objects
	if o.Offset != l.end && l.gap == "" {
		l.gap = fmt.Sprintf("bytes %d to %d before its object %05d are in none", l.end,
			o.Offset, o.Number)
	}
	l.end = o.End()
	l.odd = l.odd || l.last%sector != 0
	l.last = o.Length
	l.grain = gcd(l.grain, o.Offset)
	if o.Length%sector == 0 {
		l.step = gcd(l.step, o.Length)
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
		return fmt.Sprintf("the entry of object %05d is not in the form in which Cinder writes it",
			m.OddEntry)
	case full && l.objects == 0:
		return "a full backup without any object"
	case full && l.gap != "":
		return "a full backup begins at byte 0 and has no gaps, and " + l.gap
	case l.numbered:
		return "its objects are not numbered one after the other from 00001 on"
	}
	return ""
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// misplaced returns why nothing proves where the objects of an incremental backup of a volume of
// size bytes begin. block is 0 if the size of its digest blocks is not known: then it is the usual
// one, or, where several objects contradict that, the largest that its objects consist of.
func (l *objectList) misplaced(block, size int64) string {
	least := block
	if block == 0 {
		if least = usualBlock; l.unusual > 1 {
			least = max(l.step&-l.step, sector)
			least = min(least, usualBlock)
		}
	}
	switch {
	case l.odd:
		return "one of its objects ends inside a sector, and is not the last"
	case l.grain%least == 0:
	case l.first.Offset%least != 0:
		return fmt.Sprintf("its object %05d begins at byte %d, which is no multiple of the %d "+
			"bytes of a digest block",
			l.first.Number, l.first.Offset, least)
	default:
		return fmt.Sprintf("not all of its objects begin at multiples of the %d bytes of a "+
			"digest block", least)
	}
	if least < usualBlock && max(size, l.end) > toldByDigits(least) {
		return fmt.Sprintf("its digest blocks have %d bytes, which is too little for a wrong "+
			"offset to be noticed "+
			"in a volume of this size", least)
	}
	return ""
}

// toldByDigits returns the size of the largest volume in which an offset with one flipped bit is
// always outside of it or no multiple of block, which is a power of two or a multiple of one. A
// flipped bit makes a digit another one, so the offset changes by 1, 2, 4 or 8 times a power of
// ten. With 32 KiB it is 8 TB.
func toldByDigits(block int64) int64 {
	change := int64(8)
	for twos := int64(16); block%twos == 0 && change < format.MaxVolumeBytes/10; twos *= 2 {
		change *= 10
	}
	return change
}

// inDoubt notes that nothing proves where a backup's objects belong, unless it has digests, which
// do.
func (b *Scanned) inDoubt(why string) {
	b.oddMetadata = true
	if b.HasDigests {
		b.alone.problem("its _metadata is not as Cinder writes it: %s; only its digests prove "+
			"what is read", why)
		return
	}
	only := b.alone.State == Complete
	b.alone.broken("its _metadata is not as Cinder writes it, and without digests nothing proves "+
		"that it is right: %s", why)
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
	bare := func(b *Scanned) bool { return b.readable && !b.HasDigests && b.Incremental() }
	if !anyOf(s.look.backups, bare) {
		return nil
	}
	byID := map[string]*Scanned{}
	for _, b := range s.look.backups {
		if was := byID[b.ID]; was == nil || b.alone.State < was.alone.State {
			byID[b.ID] = b
		}
	}
	blocks := map[string]int64{} // by backup
	for file, b := range s.look.backups {
		if !bare(b) {
			continue
		}
		var block int64
		for l, n := byID[b.ParentID], 0; l != nil && block == 0 &&
			n < maxChain; l, n = byID[l.ParentID], n+1 {
			known, looked := blocks[l.ID]
			if !looked {
				var err error
				if known, err = s.blockOf(ctx, l); err != nil {
					return err
				}
				blocks[l.ID] = known
			}
			block = known
		}
		if why := b.list.misplaced(block, b.VolumeMeta.SizeBytes()); why != "" {
			judged := *b.judged // a copy, because b may be published already
			judged.alone.Problems = slices.Clone(b.alone.Problems)
			changed := &Scanned{b.Facts, &judged}
			changed.inDoubt(why)
			s.look.backups[file] = changed
		}
	}
	return nil
}

func anyOf(all map[string]*Scanned, is func(*Scanned) bool) bool {
	for _, b := range all {
		if is(b) {
			return true
		}
	}
	return false
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
