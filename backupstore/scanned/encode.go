package scanned

import (
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/restorefs/restorefs/backupstore/format"
)

// The file: magic, which has the version; the key; who judged and when all was listed; the tables
// of volumes' records and of lists of compressions; the directories, parents first, each with its
// backups; and a checksum of all before it. Numbers are varints of encoding/binary, texts have
// their length before them.
const magic = "restorefs scanned 2\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encoder appends to b.
type encoder struct{ b []byte }

func (e *encoder) count(n int)     { e.b = binary.AppendUvarint(e.b, uint64(n)) }
func (e *encoder) number(n int64)  { e.b = binary.AppendVarint(e.b, n) }
func (e *encoder) word(n uint64)   { e.b = binary.LittleEndian.AppendUint64(e.b, n) }
func (e *encoder) text(s string)   { e.count(len(s)); e.b = append(e.b, s...) }
func (e *encoder) flags(f ...bool) { e.b = append(e.b, bits(f)) }

func bits(flags []bool) (b byte) {
	for i, f := range flags {
		if f {
			b |= 1 << i
		}
	}
	return b
}

// maybe writes a text that may be none.
func (e *encoder) maybe(s *string) {
	e.flags(s != nil)
	if s != nil {
		e.text(*s)
	}
}

func (e *encoder) stamp(s Stamp) {
	e.b = binary.AppendUvarint(e.b, s.Inode)
	e.number(s.Size)
	e.number(s.Modified)
	e.number(s.Changed - s.Modified)
	e.b = binary.AppendUvarint(e.b, s.Change)
}

func (e *encoder) summary(s *format.VolumeSummary) {
	b := s.Base
	e.flags(b.Bootable, b.Multiattach, s.FromImage)
	e.number(b.SizeGiB)
	for _, t := range texts(&b) {
		e.maybe(*t)
	}
}

// tables number what several backups share.
type tables struct {
	summaries    map[*format.VolumeSummary]int
	compressions map[string]int
	e            encoder // of the summaries, then of the compressions
	c            encoder
}

func (t *tables) gather(f *Facts) {
	if _, ok := t.summaries[f.VolumeMeta]; !ok && f.VolumeMeta != nil {
		t.summaries[f.VolumeMeta] = len(t.summaries)
		t.e.summary(f.VolumeMeta)
	}
	key := strings.Join(f.Compression, "\x00")
	if _, ok := t.compressions[key]; !ok {
		t.compressions[key] = len(t.compressions)
		t.c.count(len(f.Compression))
		for _, name := range f.Compression {
			t.c.text(name)
		}
	}
}

func (t *tables) write(e *encoder, f *Facts) {
	e.text(f.Path)
	e.flags(f.HasDigests, f.ParentID != "", f.VolumeMeta != nil)
	if f.ParentID != "" {
		e.text(f.ParentID)
	}
	if f.VolumeMeta != nil {
		e.count(t.summaries[f.VolumeMeta])
	}
	e.count(t.compressions[strings.Join(f.Compression, "\x00")])
	e.maybe(f.Name)
	e.maybe(f.Description)
	e.number(f.CreatedAt.Unix())
	e.count(f.CreatedAt.Nanosecond())
	e.number(f.StoredBytes)
	e.count(f.Objects)
	e.number(f.DataEnd)
	e.number(f.Grain)
	e.stamp(f.Metadata)
	e.number(f.VolumePart.Off)
	e.number(f.VolumePart.Len)
	e.word(f.Listing)
}

// dir writes a directory and those below it. It ends early where the file becomes too large.
func (t *tables) dir(e *encoder, d *Dir) {
	e.text(d.Name)
	e.flags(d.Stamp != Stamp{})
	if d.Stamp != (Stamp{}) {
		e.stamp(d.Stamp)
	}
	e.count(len(d.Backups))
	for _, f := range d.Backups {
		if t.write(e, f); len(e.b) > MaxBytes {
			return
		}
	}
	e.count(len(d.Dirs))
	for _, sub := range d.Dirs {
		if t.dir(e, sub); len(e.b) > MaxBytes {
			return
		}
	}
}

// encode returns the file of t, nil if it would be too large.
func (t *Tree) encode() []byte {
	tab := tables{summaries: map[*format.VolumeSummary]int{}, compressions: map[string]int{}}
	backups := 0
	t.All(func(f *Facts) bool {
		tab.gather(f)
		backups++
		return backups <= MaxBytes/leastBackup && len(tab.e.b)+len(tab.c.b) <= MaxBytes
	})
	if backups > MaxBytes/leastBackup || len(tab.e.b)+len(tab.c.b) > MaxBytes {
		return nil
	}
	e := encoder{make([]byte, 0, 4<<10+len(tab.e.b)+backups*320)}
	e.b = append(e.b, magic...)
	e.word(t.Key)
	e.text(t.Judge)
	e.number(t.Full.UnixNano())
	e.count(len(tab.summaries))
	e.b = append(e.b, tab.e.b...)
	e.count(len(tab.compressions))
	e.b = append(e.b, tab.c.b...)
	if tab.dir(&e, t.Root); len(e.b) > MaxBytes {
		return nil
	}
	return binary.LittleEndian.AppendUint32(e.b, crc32.Checksum(e.b, castagnoli))
}
