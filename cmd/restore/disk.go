package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/fusefs"
)

// disk is a catalogue of the one backup that is mounted for qemu-img. It keeps the reason of a
// failed read, because the kernel passes only an errno to the reader.
type disk struct {
	volume *backupstore.Volume
	cached *cache.Cached
	listed []fusefs.Backup

	mu  sync.Mutex
	err error // the first one
}

func newDisk(v *backupstore.Volume, spans *cache.Cache) *disk {
	b := v.Backup()
	return &disk{volume: v, cached: spans.Volume("of backup "+b.ID, v), listed: []fusefs.Backup{
		{ID: b.ID, VolumeID: b.VolumeID, VolumeName: b.VolumeName(), CreatedAt: b.CreatedAt,
			Size: v.Size()}}}
}

// Backups implements fusefs.Catalog.
func (d *disk) Backups(context.Context) ([]fusefs.Backup, error) { return d.listed, nil }

// Size implements fusefs.Catalog.
func (d *disk) Size(context.Context, string) (int64, error) { return d.volume.Size(), nil }

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
func (d *disk) Written(string) bool { return false }

// Metadata implements fusefs.Catalog.
func (d *disk) Metadata(ctx context.Context, _ string) ([]byte, error) {
	return RecordText(ctx, d.volume.Backup())
}

func (d *disk) failed(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.err = err
	}
}

func (d *disk) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// diskFile is one open file of the disk.
type diskFile struct {
	*disk
	reader *cache.Reader
}

// Size implements fusefs.Disk.
func (f *diskFile) Size() int64 { return f.volume.Size() }

// Read implements fusefs.Disk.
func (f *diskFile) Read(ctx context.Context, off int64, n int) (fusefs.Data, error) {
	view, err := f.reader.Read(ctx, off, n)
	if err != nil {
		f.failed(err)
		return nil, err // not a nil *cache.View in an interface
	}
	return view, nil
}

// NextData implements fusefs.Disk.
func (f *diskFile) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	return f.volume.NextData(ctx, off, end)
}

// Close implements fusefs.Disk.
func (f *diskFile) Close() error {
	f.reader.Close()
	return nil
}
