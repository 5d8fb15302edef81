package backupstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/seekable"
	"github.com/restorefs/restorefs/backupstore/share"
)

// Reading is what reading a part of a volume, front to back, needs.
type Reading struct {
	Objects int // number of objects that are opened
	// StoredBytes are read from the share. Of a compressed object of which a part is decoded, it is
	// the same part of the stored bytes.
	StoredBytes int64
	// DecodedBytes are decompressed: the wanted bytes of compressed objects, and those before them
	// from the last place at which decoding can begin. Objects without digests are decoded once
	// more to compare their MD5, except by Copying.
	DecodedBytes int64
	// Missing lists what the objects lack, in the order of the volume. The data of existing objects
	// is not looked at.
	Missing []MissingObject
}

// MissingObject is an object that is missing on the share, or not as it should be.
type MissingObject struct {
	Backup string
	Object string // its path on the share
	Reason string
	Offset int64 // of the first wanted byte in the volume
	Bytes  int64 // how many are wanted
}

// Reading returns what reading the ranges, which are in order, would need. It lists the directories
// of the objects that are needed and opens none of them.
func (v *Volume) Reading(ctx context.Context, ranges iter.Seq2[Range, error]) (Reading, error) {
	return v.reading(ctx, ranges, false)
}

// Reading is Volume.Reading.
func (c *Copying) Reading(ctx context.Context, ranges iter.Seq2[Range, error]) (Reading, error) {
	return c.reading(ctx, ranges, true)
}

func (v *Volume) reading(ctx context.Context, ranges iter.Seq2[Range, error],
	once bool) (Reading, error) {
	r := reading{volume: v, once: once, listed: map[*Backup]map[uint32]share.Entry{},
		open: map[int]*objectReading{}}
	defer r.close()
	for part, err := range ranges {
		if err == nil {
			err = r.add(ctx, part)
		}
		if err != nil {
			return Reading{}, err
		}
	}
	for ref := range r.open {
		r.finish(ref)
	}
	slices.SortFunc(r.out.Missing,
		func(a, b MissingObject) int { return int(min(max(a.Offset-b.Offset, -1), 1)) })
	return r.out, nil
}

type reading struct {
	volume *Volume
	listed map[*Backup]map[uint32]share.Entry
	open   map[int]*objectReading // by index into Volume.objects
	once   bool                   // MD5s are compared during the copy
	out    Reading
}

// objectReading is the reading of one object.
type objectReading struct {
	entry   share.Entry
	missing *MissingObject   // nil: it exists
	index   *seekable.Object // nil: it has no index, and none is of use
	at      int64            // decoded offset up to which it has been read
	decoded int64
	proven  bool // its MD5 is compared first
}

func (r *reading) close() {
	for _, o := range r.open {
		if o.index != nil {
			o.index.Close()
		}
	}
}

// add adds one range, from objects before whose end nothing more is to come.
func (r *reading) add(ctx context.Context, part Range) error {
	v, end := r.volume, part.Off+part.Len
	for ref := range r.open {
		if v.objects[ref].End() <= part.Off {
			r.finish(ref)
		}
	}
	for _, e := range from(v.extents, part.Off) {
		if e.off >= end {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		start, stop := max(e.off, part.Off), min(e.end, end)
		o, err := r.object(ctx, e.object)
		if err != nil {
			return err
		}
		uncovered := o.proven
		for at := start; !uncovered && at < stop; {
			p := v.pieceAt(at, stop)
			uncovered = p.by == byMD5
			if p.by == byRow {
				row, err := v.digest(ctx, p)
				if err != nil {
					return err
				}
				uncovered = row == unreadable
			}
			at = p.end
		}
		o.proven = uncovered
		r.use(e.object, o, start, stop)
	}
	return nil
}

// object returns the state of an object that is needed.
func (r *reading) object(ctx context.Context, ref int) (*objectReading, error) {
	if o := r.open[ref]; o != nil {
		return o, nil
	}
	v := r.volume
	stored := &v.objects[ref]
	b := v.chain[stored.layer]
	entries, err := r.list(ctx, b)
	if err != nil {
		return nil, err
	}
	o := &objectReading{}
	entry, there := entries[stored.Number]
	o.entry = entry
	lacks := func(format string, args ...any) {
		o.missing = &MissingObject{Backup: b.ID, Object: b.objectFile(stored.Number),
			Reason: fmt.Sprintf(format, args...), Offset: -1}
	}
	alg := algorithm(stored.Compression)
	switch {
	case !there:
		lacks("it is not on the share")
	case entry.Err != nil:
		lacks("%v", entry.Err)
	case !entry.Mode.IsRegular():
		lacks("it is not a regular file")
	case entry.Size == 0:
		lacks("it is empty")
	case alg == seekable.Raw && entry.Size < stored.Length:
		lacks("it has %d bytes of %d", entry.Size, stored.Length)
	}
	if o.missing == nil && alg.Indexed(stored.Length) {
		path := b.objectFile(stored.Number)
		o.index = v.catalog.engine.NewObject(&storedFile{v.catalog.files, path,
			fileInfo{entry.Size, entry.ModTime}}, alg, stored.Length,
			seekable.Identity{Path: path, ModTime: entry.ModTime, MD5: stored.MD5})
	}
	r.open[ref] = o
	return o, nil
}

// list returns the objects of b that are in its directory.
func (r *reading) list(ctx context.Context, b *Backup) (map[uint32]share.Entry, error) {
	if l := r.listed[b]; l != nil {
		return l, nil
	}
	entries, _, err := r.volume.catalog.share.ReadDir(ctx, b.Container(),
		func(name string) bool { return strings.HasPrefix(name, b.Prefix()+"-") })
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("backup %s: list %s: %w", b.ID, path.Clean(b.Container()), err)
	}
	l := map[uint32]share.Entry{}
	for _, e := range entries {
		if n, ok := format.ParseIn(b.Container(), e.Name); ok && n.Kind == format.KindObject &&
			n.Prefix == b.Prefix() {
			l[n.Number] = e
		}
	}
	r.listed[b] = l
	return l, nil
}

// use counts the reading of [start, stop) of the volume.
func (r *reading) use(ref int, o *objectReading, start, stop int64) {
	stored := &r.volume.objects[ref]
	from, to := start-stored.Offset, stop-stored.Offset
	if o.missing != nil {
		if algorithm(stored.Compression) == seekable.Raw { // what lies before its end is there
			have := min(max(o.entry.Size-from, 0), to-from)
			o.decoded, start = o.decoded+have, start+have
		}
		if start < stop && o.missing.Offset < 0 {
			o.missing.Offset = start
		}
		o.missing.Bytes += stop - start
		return
	}
	if algorithm(stored.Compression) == seekable.Raw {
		o.decoded += to - from
		return
	}
	at := o.at
	if o.index != nil {
		at = max(at, o.index.Start(from))
	}
	o.decoded, o.at = o.decoded+to-at, to
}

// finish adds an object up.
func (r *reading) finish(ref int) {
	o := r.open[ref]
	delete(r.open, ref)
	if o.index != nil {
		o.index.Close()
	}
	stored := &r.volume.objects[ref]
	if o.missing != nil && o.missing.Offset >= 0 {
		r.out.Missing = append(r.out.Missing, *o.missing)
	}
	if o.missing != nil && o.decoded == 0 {
		return
	}
	r.out.Objects++
	switch {
	case o.proven && r.once:
		o.decoded = max(o.decoded, stored.Length)
	case o.proven:
		o.decoded += stored.Length
	}
	if algorithm(stored.Compression) == seekable.Raw {
		r.out.StoredBytes += o.decoded
		return
	}
	r.out.DecodedBytes += o.decoded
	r.out.StoredBytes += int64(float64(o.entry.Size) *
		(float64(o.decoded) / float64(stored.Length)))
}

// HasDigests reports whether there are digests to compare blocks with. Without them each object is
// read twice, first as a whole for its MD5, except by Copying.
func (v *Volume) HasDigests() bool { return v.rows != nil }
