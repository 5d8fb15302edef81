package live

import (
	"context"
	"fmt"
	"io/fs"
	"sync"
	"syscall"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/fusefs"
	"github.com/restorefs/restorefs/materialize/live"
)

// disk is a catalogue of the one volume that is restored.
type disk struct {
	volume *backupstore.Volume
	cached *cache.Cached
	listed []fusefs.Backup
	v      *live.Volume // set before it is mounted
}

func newDisk(v *backupstore.Volume, spans *cache.Cache) *disk {
	b := v.Backup()
	return &disk{volume: v, cached: spans.Volume("of backup "+b.ID, v), listed: []fusefs.Backup{
		{ID: b.ID, VolumeID: b.VolumeID, VolumeName: b.VolumeName(), CreatedAt: b.CreatedAt,
			Size: v.Size()}}}
}

// Backups implements fusefs.Catalog.
func (d *disk) Backups(context.Context) ([]fusefs.Backup, error) { return d.listed, nil }

// Open implements fusefs.Catalog.
func (d *disk) Open(_ context.Context, id string) (fusefs.Disk, error) {
	if b := d.volume.Backup().ID; id != b {
		return nil, fmt.Errorf("backup %s is not the one that is restored, %s: %w", id, b,
			fs.ErrNotExist)
	}
	return &diskFile{d, d.cached.NewReader()}, nil
}

// Peek implements fusefs.Catalog.
func (d *disk) Peek(ctx context.Context, id string) (fusefs.Disk, error) { return d.Open(ctx, id) }

// Digests implements fusefs.Catalog.
func (d *disk) Digests(context.Context, string) (fusefs.Digests, error) { return nil, nil }

// Written implements fusefs.Catalog.
func (d *disk) Written(string) bool { return true }

// Metadata implements fusefs.Catalog.
func (d *disk) Metadata(context.Context, string) ([]byte, error) { return []byte("{}\n"), nil }

// diskFile is one open file of the volume.
type diskFile struct {
	*disk
	reader *cache.Reader
}

var _ fusefs.WritableDisk = (*diskFile)(nil)

// Size implements fusefs.Disk.
func (f *diskFile) Size() int64 { return f.v.Size() }

// Read implements fusefs.Disk. What is not on the device yet at all is handed on from the cache
// without a copy.
func (f *diskFile) Read(ctx context.Context, off int64, n int) (fusefs.Data, error) {
	end := off + int64(n)
	stop, valid, err := f.v.Valid(ctx, off, end)
	if err != nil {
		return nil, err
	}
	if !valid && stop == end {
		defer f.v.Enter()()
		view, err := f.reader.Read(ctx, off, n)
		if err != nil {
			return nil, err // not a nil *cache.View in an interface
		}
		return view, nil
	}
	b := newBuffer(n)
	if err := f.v.ReadAt(ctx, b.bytes, off, f.below(ctx)); err != nil {
		b.Release()
		return nil, err
	}
	return b, nil
}

// below reads the backup, for ReadAt.
func (f *diskFile) below(ctx context.Context) func(p []byte, off int64) error {
	return func(p []byte, off int64) error {
		view, err := f.reader.Read(ctx, off, len(p))
		if err != nil {
			return err
		}
		defer view.Release()
		for _, s := range view.Slices() {
			p = p[copy(p, s):]
		}
		return nil
	}
}

// NextData implements fusefs.Disk.
func (f *diskFile) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	return f.v.NextData(ctx, off, end)
}

// WriteAt implements fusefs.WritableDisk.
func (f *diskFile) WriteAt(ctx context.Context, p []byte, off int64) error {
	return f.v.WriteAt(ctx, p, off)
}

// Zero implements fusefs.WritableDisk.
func (f *diskFile) Zero(ctx context.Context, off, n int64) error { return f.v.Zero(ctx, off, n) }

// Allocate implements fusefs.WritableDisk. A device has its space; of a file it is not promised.
func (f *diskFile) Allocate(context.Context, int64, int64) error { return syscall.EOPNOTSUPP }

// Sync implements fusefs.WritableDisk.
func (f *diskFile) Sync(ctx context.Context) error { return f.v.Sync(ctx) }

// Close implements fusefs.Disk.
func (f *diskFile) Close() error {
	f.reader.Close()
	return nil
}

// buffer is the result of a read of the device, in memory that is used again.
type buffer struct {
	bytes []byte
	pool  *sync.Pool
	whole *[]byte
}

// Requests of the kernel are mostly of a few sizes: small ones and MiBs.
var small, large = poolOf(64 << 10), poolOf(1 << 20)

func poolOf(n int) *sync.Pool {
	return &sync.Pool{New: func() any { b := live.Buffer(n); return &b }}
}

func newBuffer(n int) *buffer {
	for _, pool := range []*sync.Pool{small, large} {
		whole := pool.Get().(*[]byte)
		if n <= len(*whole) {
			return &buffer{(*whole)[:n], pool, whole}
		}
		pool.Put(whole)
	}
	return &buffer{bytes: live.Buffer(n)}
}

// Slices implements fusefs.Data.
func (b *buffer) Slices() [][]byte { return [][]byte{b.bytes} }

// Release implements fusefs.Data.
func (b *buffer) Release() {
	if b.pool != nil {
		b.pool.Put(b.whole)
	}
}
