package scanned

import (
	"errors"
	"hash/crc32"
	"math"
	"path"
	"strings"
	"time"

	"github.com/restorefs/restorefs/backupstore/format"
)

// errMalformed says that a file is none of this version, or is damaged.
var errMalformed = errors.New("it is damaged, or was written by another version")

const (
	// maxDepth bounds the depth of directories that are remembered.
	maxDepth = 32
	// leastBackup and leastDir are the fewest bytes that a backup and a directory take: they bound
	// what all counts together can make the decoder allocate.
	leastBackup, leastDir = format.PrefixLen + 20, 5
)

// decoder reads from s, and copies what it keeps of it. After an error it gives zeros.
type decoder struct {
	s    string
	bad  bool
	kept arena

	summaries    []*format.VolumeSummary
	compressions [][]string

	backups, dirs int // how many of them the rest may have, whatever it says

	all     []*Facts // in their order
	parents []int32  // of each of these the place of its parent, or -1
}

func (d *decoder) fail() { d.bad, d.s = true, "" }

// uvarint reads what binary.AppendUvarint wrote.
func (d *decoder) uvarint() (n uint64) {
	for i := range min(len(d.s), 10) {
		b := d.s[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			d.s = d.s[i+1:]
			return n
		}
	}
	d.fail()
	return 0
}

// number reads what binary.AppendVarint wrote.
func (d *decoder) number() int64 {
	n := d.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

// size is number for what cannot be negative.
func (d *decoder) size() int64 {
	n := d.number()
	if n < 0 {
		d.fail()
		return 0
	}
	return n
}

// count reads how many things of at least so many bytes follow.
func (d *decoder) count(least int) int {
	n := d.uvarint()
	if n > uint64(len(d.s)/least) {
		d.fail()
		return 0
	}
	return int(n)
}

// several is count for what may be within each other: left is how many there may be yet in all.
func (d *decoder) several(left *int, least int) int {
	n := d.count(least)
	if n > *left {
		d.fail()
		return 0
	}
	*left -= n
	return n
}

// index reads a place in a table of n.
func (d *decoder) index(n int) int {
	i := d.uvarint()
	if i >= uint64(n) {
		d.fail()
		return 0
	}
	return int(i)
}

// passing reads a text that is not kept.
func (d *decoder) passing() string {
	n := d.count(1)
	t := d.s[:n]
	d.s = d.s[n:]
	return t
}

func (d *decoder) text() string { return d.kept.text(d.passing()) }

func (d *decoder) word() uint64 {
	if len(d.s) < 8 {
		d.fail()
		return 0
	}
	n := littleEndian(d.s[:8])
	d.s = d.s[8:]
	return n
}

func (d *decoder) flags(f ...*bool) {
	if d.s == "" {
		d.fail()
		return
	}
	b := d.s[0]
	d.s = d.s[1:]
	for i, flag := range f {
		*flag = b>>i&1 != 0
	}
	if b>>len(f) != 0 {
		d.fail()
	}
}

func (d *decoder) maybe() *string {
	var is bool
	if d.flags(&is); !is {
		return nil
	}
	s := d.text()
	return &s
}

func (d *decoder) stamp() (s Stamp) {
	s.Inode, s.Size, s.Modified = d.uvarint(), d.size(), d.number()
	s.Changed, s.Change = s.Modified+d.number(), d.uvarint()
	return s
}

func (d *decoder) summary() *format.VolumeSummary {
	s := new(format.VolumeSummary)
	d.flags(&s.Base.Bootable, &s.Base.Multiattach, &s.FromImage)
	s.Base.SizeGiB = d.number()
	for _, t := range texts(&s.Base) {
		*t = d.maybe()
	}
	return s
}

func (d *decoder) tables() {
	d.summaries = make([]*format.VolumeSummary, d.count(9))
	for i := range d.summaries {
		d.summaries[i] = d.summary()
	}
	d.compressions = make([][]string, d.count(1))
	for i := range d.compressions {
		names := make([]string, d.count(1))
		for k := range names {
			names[k] = d.text()
		}
		d.compressions[i] = names
	}
}

func (d *decoder) facts(f *Facts, dir string) {
	path := d.passing()
	if len(path) > MaxPath {
		d.fail()
		return
	}
	f.at(d.kept.text(path))
	if f.ID == "" || f.Container() != dir {
		d.fail() // those without ids in their names are not remembered
	}
	var parent, here, volume bool
	d.flags(&f.HasDigests, &parent, &here, &volume)
	place := int32(-1)
	switch {
	case here:
		place = int32(min(d.uvarint(), math.MaxInt32))
	case parent:
		if f.ParentID = d.text(); !format.IsID(f.ParentID) {
			d.fail()
		}
	}
	d.all, d.parents = append(d.all, f), append(d.parents, place)
	if volume {
		if i := d.index(len(d.summaries)); !d.bad {
			f.VolumeMeta = d.summaries[i]
		}
	}
	if i := d.index(len(d.compressions)); !d.bad {
		f.Compression = d.compressions[i]
	}
	f.Name, f.Description = d.maybe(), d.maybe()
	f.CreatedAt = time.Unix(d.number(), int64(d.uvarint()%1e9)).UTC()
	f.StoredBytes = d.size()
	f.Objects = int(min(d.uvarint(), math.MaxInt32))
	f.DataEnd, f.Grain = d.size(), d.size()
	f.Metadata = d.stamp()
	f.VolumePart = format.Part{Off: d.size(), Len: d.size()}
	f.Listing = d.word()
	if f.DataEnd > 2*format.MaxVolumeBytes || f.Metadata == (Stamp{}) {
		d.fail()
	}
}

func (d *decoder) dir(out *Dir, above string, depth int) {
	out.Name = d.passing()
	where := path.Join(above, out.Name)
	if depth > maxDepth || out.Name == "" || out.Name == ".." ||
		strings.ContainsAny(out.Name, "/\x00") ||
		(out.Name == ".") != (depth == 0) {
		d.fail()
		return
	}
	var stamped bool
	if d.flags(&stamped); stamped {
		out.Stamp = d.stamp()
	}
	if n := d.several(&d.backups, leastBackup); n > 0 {
		all := make([]Facts, n)
		out.Backups = make([]*Facts, n)
		for i := range all {
			if d.facts(&all[i], where); d.bad {
				return
			}
			out.Backups[i] = &all[i]
		}
	}
	if len(out.Backups) > 0 && out.Name != "." {
		out.Name = path.Base(out.Backups[0].Container()) // the same, whose bytes are kept anyway
	} else {
		out.Name = d.kept.text(out.Name)
	}
	if n := d.several(&d.dirs, leastDir); n > 0 {
		all := make([]Dir, n)
		out.Dirs = make([]*Dir, n)
		for i := range all {
			if d.dir(&all[i], where, depth+1); d.bad {
				return
			}
			out.Dirs[i] = &all[i]
		}
	}
}

// link gives each backup the id of its parent, which shares that one's bytes.
func (d *decoder) link() {
	for i, place := range d.parents {
		if int(place) >= len(d.all) {
			d.fail()
			return
		}
		if place >= 0 {
			d.all[i].ParentID = d.all[place].ID
		}
	}
}

// decode returns the tree that a file has, which keeps nothing of text.
func decode(text string) (*Tree, error) {
	body := len(text) - crc32.Size
	if body < len(magic) || !strings.HasPrefix(text, magic) {
		return nil, errMalformed
	}
	if littleEndian(text[body:]) != uint64(checksum(text[:body])) {
		return nil, errMalformed
	}
	d := decoder{s: text[len(magic):body]}
	d.backups, d.dirs = len(d.s)/leastBackup, len(d.s)/leastDir
	t := &Tree{Key: d.word(), Judge: d.text(), Full: time.Unix(0, d.number()), Root: new(Dir)}
	d.tables()
	d.dir(t.Root, "", 0)
	d.link()
	if d.bad || d.s != "" {
		return nil, errMalformed
	}
	return t, nil
}

func littleEndian(s string) (n uint64) {
	for i := range len(s) {
		n |= uint64(s[i]) << (8 * i)
	}
	return n
}

// checksum makes no copy of s as a whole, which is large.
func checksum(s string) (sum uint32) {
	var buf [32 << 10]byte
	for len(s) > 0 {
		n := copy(buf[:], s)
		sum, s = crc32.Update(sum, castagnoli, buf[:n]), s[n:]
	}
	return sum
}
