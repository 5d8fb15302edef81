package scanned

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"strings"

	"github.com/restorefs/restorefs/backupstore/format"
)

// The file: magic, which has the version; the key; who judged and when all was listed; the tables
// of volumes' records and of lists of compressions; the directories, parents first, each with its
// backups; and a checksum of all before it. Numbers are varints of encoding/binary, texts have
// their length before them.
const magic = "restorefs scanned 3\n"

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
	places       places
}

// joined is a list of compressions as a key.
func joined(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names, "\x00")
}

func (t *tables) gather(f *Facts) {
	if _, ok := t.summaries[f.VolumeMeta]; !ok && f.VolumeMeta != nil {
		t.summaries[f.VolumeMeta] = len(t.summaries)
		t.e.summary(f.VolumeMeta)
	}
	key := joined(f.Compression)
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
	parent, here := t.places.of(f.ParentID)
	e.flags(f.HasDigests, f.ParentID != "", here, f.VolumeMeta != nil)
	switch {
	case here:
		e.count(parent)
	case f.ParentID != "":
		e.text(f.ParentID)
	}
	if f.VolumeMeta != nil {
		e.count(t.summaries[f.VolumeMeta])
	}
	e.count(t.compressions[joined(f.Compression)])
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

// output is an encoder whose bytes go on to w: a tree of many backups has some MiB.
type output struct {
	encoder
	w     io.Writer
	sum   uint32 // of what has gone on
	bytes int
	err   error
}

// spill passes on what there is, if that is worth a write.
func (o *output) spill(least int) {
	if len(o.b) < least || o.err != nil {
		return
	}
	o.sum = crc32.Update(o.sum, castagnoli, o.b)
	if o.bytes += len(o.b); o.bytes > MaxBytes {
		o.err = ErrTooLarge
		return
	}
	_, o.err = o.w.Write(o.b)
	o.b = o.b[:0]
}

// outputBytes is how many bytes are written at once.
const outputBytes = 64 << 10

// dir writes a directory and those below it. It ends early after an error.
func (t *tables) dir(o *output, d *Dir) {
	o.text(d.Name)
	o.flags(d.Stamp != Stamp{})
	if d.Stamp != (Stamp{}) {
		o.stamp(d.Stamp)
	}
	o.count(len(d.Backups))
	for _, f := range d.Backups {
		if t.write(&o.encoder, f); o.err != nil {
			return
		}
		o.spill(outputBytes)
	}
	o.count(len(d.Dirs))
	for _, sub := range d.Dirs {
		if t.dir(o, sub); o.err != nil {
			return
		}
		o.spill(outputBytes)
	}
}

// write writes the file of t. The error is ErrTooLarge, or that of w.
func (t *Tree) write(w io.Writer) error {
	tab := tables{summaries: map[*format.VolumeSummary]int{}, compressions: map[string]int{}}
	backups := 0
	t.All(func(f *Facts) bool {
		tab.gather(f)
		tab.places.all = append(tab.places.all, place{f.ID, backups})
		backups++
		return backups <= MaxBytes/leastBackup && len(tab.e.b)+len(tab.c.b) <= MaxBytes
	})
	if backups > MaxBytes/leastBackup || len(tab.e.b)+len(tab.c.b) > MaxBytes {
		return ErrTooLarge
	}
	tab.places.sort()
	o := output{w: w}
	o.b = append(make([]byte, 0, 2*outputBytes), magic...)
	o.word(t.Key)
	o.text(t.Judge)
	o.number(t.Full.UnixNano())
	o.count(len(tab.summaries))
	o.b = append(o.b, tab.e.b...)
	o.count(len(tab.compressions))
	o.b = append(o.b, tab.c.b...)
	tab.dir(&o, t.Root)
	o.spill(0)
	if o.err != nil {
		return o.err
	}
	_, err := w.Write(binary.LittleEndian.AppendUint32(nil, o.sum))
	return err
}
