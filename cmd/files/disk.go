package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/fusefs/inside"
	"github.com/restorefs/restorefs/fusefs/inside/luks"
	"github.com/restorefs/restorefs/fusefs/overlay"
)

// Options of [Open].
type Options struct {
	// CacheBytes is the memory for decoded data, and for what readers of file systems keep.
	CacheBytes int64
	// MemoryFor is cache.Options.MemoryFor.
	MemoryFor func(cacheBytes int64) int64
	// Overlay is a directory of overlays: what was written onto the backup through a
	// mount counts. "": the backup as it is.
	Overlay string
	// With are backups of other disks of the same server: volumes of LVM can lie on them too.
	With []*backupstore.Backup
	// Unlock unlocks the disk, and each of With, if it is encrypted; the error is luks.ErrNone
	// (errors.Is) if it is not. nil: an encrypted disk stays so.
	Unlock func(context.Context, *backupstore.Backup, io.ReaderAt, int64) (luks.Disk, error)
	// Reads is told what is read of the disk; nil: nobody is.
	Reads *Reads
	// Logger; nil: nothing is logged.
	Logger *slog.Logger
}

// Disk is a backup's disk, open for reading its files. It is for one goroutine.
type Disk struct {
	*inside.Disk
	reader  *diskReader
	others  []*cache.Reader  // of the disks beside it
	overlay *overlay.Overlay // or nil
	cache   *cache.Cache
	open    map[*inside.Part]*tree
	order   []*inside.Part               // that are open, in the order in which they were opened
	infos   map[*inside.Part]inside.Info // of what was opened
	inner   inside.Options
	probe   *probe // or nil
	size    int64
}

// Open opens the disk of a backup. What is read until Close is read with ctx. The
// error is fs.ErrNotExist (errors.Is) if there is no overlay where one is asked for.
func Open(
	ctx context.Context,
	catalog *backupstore.Catalog,
	b *backupstore.Backup,
	o Options,
) (*Disk, error) {
	volume, err := catalog.Open(ctx, b)
	if err != nil {
		return nil, err
	}
	d := &Disk{open: map[*inside.Part]*tree{}, infos: map[*inside.Part]inside.Info{},
		size: volume.Size()}
	d.inner, o.CacheBytes = shares(o.CacheBytes)
	d.cache = cache.New(
		cache.Options{MemoryBytes: o.CacheBytes, MemoryFor: o.MemoryFor, Logger: o.Logger},
	)
	d.reader = &diskReader{ctx: ctx, base: d.cache.Volume("of backup "+b.ID, volume).NewReader(),
		reads: o.Reads}
	if o.Overlay != "" {
		key := overlay.Key{Backup: b.ID, Size: volume.Size(), Content: volume.Identity()}
		below := cachedBase{volume, d.reader.base}
		over, err := overlay.OpenReadOnly(
			ctx,
			o.Overlay,
			key,
			below,
			overlay.Options{Logger: o.Logger},
		)
		if err != nil {
			d.Close()
			return nil, err
		}
		d.overlay, d.reader.over = over, over
	}
	beside, err := d.openOthers(ctx, catalog, o)
	if err == nil {
		err = d.look(ctx, b, o.Unlock, beside)
	}
	if err == nil {
		err = ctx.Err() // what could not be read for that reason is no property of the disk
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("backup %s: %w", b.ID, err)
	}
	return d, nil
}

// look unlocks the disk if it is encrypted, and looks what lies on it.
func (d *Disk) look(ctx context.Context, b *backupstore.Backup,
	unlock func(context.Context, *backupstore.Backup, io.ReaderAt, int64) (luks.Disk, error),
	beside []inside.Beside) (err error) {
	var r io.ReaderAt = d.reader
	if unlock != nil {
		plain, err := unlock(ctx, b, d.reader, d.size)
		switch {
		case err == nil:
			r, d.size = plain.On(d.reader), plain.Size()
		case !errors.Is(err, luks.ErrNone):
			return err
		}
	}
	d.Disk, err = inside.Look(r, d.size, beside...)
	return err
}

// openOthers opens the disks beside it, and unlocks those that are encrypted.
func (d *Disk) openOthers(
	ctx context.Context,
	catalog *backupstore.Catalog,
	o Options,
) (out []inside.Beside, err error) {
	for _, b := range o.With {
		volume, err := catalog.Open(ctx, b)
		if err != nil {
			return nil, fmt.Errorf("open backup %s beside it: %w", b.ID, err)
		}
		r := d.cache.Volume("of backup "+b.ID, volume).NewReader()
		d.others = append(d.others, r)
		beside := inside.Beside{Name: "backup " + b.ID, Size: volume.Size(),
			R: &diskReader{ctx: ctx, base: r}}
		if o.Unlock != nil {
			plain, err := o.Unlock(ctx, b, beside.R, beside.Size)
			switch {
			case err == nil:
				beside.R, beside.Size = plain.On(beside.R), plain.Size()
			case !errors.Is(err, luks.ErrNone):
				return nil, fmt.Errorf("the disk beside it: %w", err)
			}
		}
		out = append(out, beside)
	}
	return out, nil
}

// shares divides memory: what the readers of file systems may have, of which the rest is for the
// cache of what they read.
func shares(bytes int64) (inner inside.Options, cacheBytes int64) {
	inner.CacheBytes = min(max(bytes/16, 1<<20), 8<<20)
	inner.JournalBytes = min(max(bytes/3, 4<<20), 32<<20)
	return inner, max(bytes-inner.CacheBytes-inner.JournalBytes, bytes/2)
}

// Several says whether the files of more than one part can be read.
func (d *Disk) Several() bool {
	n := 0
	for _, p := range d.Parts {
		if p.Readable() {
			n++
		}
	}
	return n > 1
}

// Name returns what a file is called on this disk: its path, behind the name of its
// part if there could be a doubt.
func (d *Disk) Name(n *Node) string {
	if d.Several() {
		return n.Part().Name + ":" + n.Path
	}
	return n.Path
}

// Close frees the cache.
func (d *Disk) Close() error {
	d.reader.base.Close()
	for _, r := range d.others {
		r.Close()
	}
	d.cache.Close()
	if d.overlay != nil {
		return d.overlay.Close()
	}
	return nil
}

// diskReader is a disk as an io.ReaderAt.
type diskReader struct {
	ctx  context.Context
	base *cache.Reader
	over *overlay.Overlay // or nil

	reads *Reads // or nil
	probe *probe // or nil
}

var _ io.ReaderAt = (*diskReader)(nil)

// ReadAt implements io.ReaderAt. It gives all of p or an error.
func (r *diskReader) ReadAt(p []byte, off int64) (int, error) {
	err := r.ctx.Err() // also of what is in the cache
	if err != nil {
		return 0, err
	}
	if r.probe != nil && r.probe.owns(p) {
		r.probe.note(off, int64(len(p)))
		return len(p), nil
	}
	if r.reads != nil {
		r.reads.add(off, int64(len(p)))
	}
	if r.over != nil {
		err = r.over.ReadAt(r.ctx, p, off)
	} else {
		err = readThrough(r.ctx, r.base, p, off)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// readBytes is the most that one read pins in the cache.
const readBytes = 1 << 20

// readThrough reads through the cache.
func readThrough(ctx context.Context, r *cache.Reader, p []byte, off int64) error {
	for len(p) > 0 {
		n := min(len(p), readBytes)
		view, err := r.Read(ctx, off, n)
		if err != nil {
			return err
		}
		for _, s := range view.Slices() {
			p = p[copy(p, s):]
		}
		view.Release()
		off += int64(n)
	}
	return nil
}

// cachedBase is a volume below an overlay, read through the cache.
type cachedBase struct {
	*backupstore.Volume
	reader *cache.Reader
}

// ReadAt implements overlay.Base.
func (b cachedBase) ReadAt(ctx context.Context, p []byte, off int64) error {
	return readThrough(ctx, b.reader, p, off)
}

// maxTrees bounds the file systems that are open, but for those of which files are held: a disk can
// have thousands of volumes, each with a journal.
const maxTrees = 4

// tree opens the file system in a part, or returns it if it is open still.
func (d *Disk) tree(p *inside.Part) *tree {
	if t := d.open[p]; t != nil {
		return t
	}
	if len(d.order) == maxTrees {
		delete(d.open, d.order[0])
		d.order = d.order[1:]
	}
	t := &tree{part: p, disk: d.size}
	t.fs, t.err = p.Open(d.inner)
	if t.err == nil {
		d.infos[p] = t.fs.Info()
	}
	d.open[p] = t
	d.order = append(d.order, p)
	return t
}

// maxTried bounds the parts that TryUnknown tries.
const maxTried = 64

// TryUnknown tries to open parts of which it is not known what they hold: a file system whose first
// superblock is damaged is found by another one then. Parts that hold one are of its kind.
func (d *Disk) TryUnknown() {
	tried := 0
	for _, p := range d.Parts {
		if p.Kind != "" || p.Err != nil || p.Container || tried == maxTried {
			continue
		}
		tried++
		if t := d.tree(p); t.err == nil {
			info := t.fs.Info()
			p.Kind, p.Label = inside.KindOf(info), info.Label
		}
	}
}

// Opened returns what the file system in a part says of itself, if it has been
// opened.
func (d *Disk) Opened(p *inside.Part) (inside.Info, bool) {
	info, ok := d.infos[p]
	return info, ok
}
