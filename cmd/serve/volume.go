package serve

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/fusefs"
)

// diskKey identifies a disk as the mounted tree does: when another backup gets the same id, the
// open volume of the earlier one is not shared.
type diskKey struct {
	id            string
	size, created int64
}

func keyOf(b *backupstore.Backup) diskKey { return diskKey{b.ID, b.Size, b.CreatedAt.UnixNano()} }

// openVolume is a composed volume that is shared by open files.
type openVolume struct {
	cached *cache.Cached
	volume *backupstore.Volume
	users  int // guarded by Disks.mu
}

// share opens a volume, or shares it if it is open.
func (s *Disks) share(ctx context.Context, id string) (*Disk, error) {
	b, err := s.backup(id)
	if err != nil {
		return nil, err
	}
	key := keyOf(b)
	s.mu.Lock()
	v := s.open[key]
	if v != nil {
		v.users++
	}
	s.mu.Unlock()
	if v == nil {
		composed, err := s.catalog.Open(ctx, b)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		if v = s.open[key]; v == nil { // not opened meanwhile by another goroutine
			v = &openVolume{cached: s.cache.Volume(spansOf(composed), s.source(composed)),
				volume: composed}
			s.open[key] = v
		}
		v.users++
		s.mu.Unlock()
	}
	return &Disk{Volume: v.volume, cached: v.cached, reader: v.cached.NewReader(),
		close: func() { s.release(key, v) }, indexer: s.indexer, meter: s.meter,
		failed: func(err error) { s.readFailed(key, err) }}, nil
}

// readFailed draws the conclusions from a read that failed.
func (s *Disks) readFailed(key diskKey, err error) {
	if errors.Is(err, syscall.ESTALE) {
		s.pace.hurry() // the export may have to be mounted again
	}
	s.tooShort(key, err)
}

// tooShort notes that a backup needs more memory than this mount has, if err says so: its
// problem.txt tells that from then on.
func (s *Disks) tooShort(key diskKey, err error) {
	if !errors.Is(err, backupstore.ErrMemory) && !errors.Is(err, cache.ErrMemory) {
		return
	}
	s.mu.Lock()
	_, known := s.short[key]
	if !known {
		s.short[key] = safetext.Printable("this mount has too little memory for it: " + err.Error())
	}
	s.mu.Unlock()
	if !known {
		s.publish()
	}
}

// spansOf returns the name of a volume in the cache. The id alone would not do: another backup may
// have it after the share has changed.
func spansOf(v *backupstore.Volume) string {
	content := v.Identity()
	return fmt.Sprintf("of backup %s (contents %x)", v.Backup().ID, content[:8])
}

// source returns what the cache reads the volume from.
func (s *Disks) source(v *backupstore.Volume) cache.Source {
	if s.disk != nil {
		return s.disk.Volume(v)
	}
	return v
}

func (s *Disks) release(key diskKey, v *openVolume) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Used()
	if v.users--; v.users == 0 {
		delete(s.open, key)
	}
}

// Disk is one open file of a disk: the volume, read through the caches.
type Disk struct {
	*backupstore.Volume
	cached  *cache.Cached
	reader  *cache.Reader
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
