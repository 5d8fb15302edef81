package serve

import (
	"context"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/fusefs"
)

// openVolume is a composed volume that is shared by open files.
type openVolume struct {
	cached *cache.Cached
	volume *backupstore.Volume
	users  int // guarded by Disks.mu
}

// Disk is one open file of a disk: the volume, read through the caches.
type Disk struct {
	*backupstore.Volume
	cached  *cache.Cached
	reader  *cache.Reader
	holes   holes
	close   func()
	indexer *indexer
	meter   *meter
	// failed is told of reads that failed; nil: nobody is.
	failed func(error)
}

// Read implements fusefs.Disk.
func (v *Disk) Read(ctx context.Context, off int64, n int) (fusefs.Data, error) {
	if v.indexer != nil {
		defer v.indexer.read()()
	}
	start := time.Now()
	view, err := v.reader.Read(ctx, off, n)
	if err != nil {
		v.meter.failed(ctx, err)
		if v.failed != nil {
			v.failed(err)
		}
		return nil, err // not a nil *cache.View in an interface
	}
	v.meter.read(start, view)
	return view, nil
}

// Close implements fusefs.Disk.
func (v *Disk) Close() error {
	v.reader.Close()
	v.close()
	return nil
}
