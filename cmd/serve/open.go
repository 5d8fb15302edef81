package serve

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/fusefs"
)

var _ cache.Deferring = (*backupstore.Volume)(nil)

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

// spansOf returns the name of a volume in the cache. The id alone would not do: another backup may
// have it after the share has changed.
func spansOf(v *backupstore.Volume) string {
	content := v.Identity()
	return fmt.Sprintf("of backup %s (contents %x)", v.Backup().ID, content[:8])
}

// Open implements fusefs.Catalog. It also queues the disk for indexing.
func (s *Disks) Open(ctx context.Context, id string) (fusefs.Disk, error) {
	v, err := s.share(ctx, id)
	if err != nil {
		return nil, err
	}
	if s.indexer != nil {
		s.indexer.add(v.Backup())
	}
	if s.writes != nil {
		return s.writes.over(ctx, v)
	}
	return v, nil
}

// Peek implements fusefs.Catalog.
func (s *Disks) Peek(ctx context.Context, id string) (fusefs.Disk, error) {
	v, err := s.share(ctx, id)
	if err != nil {
		return nil, err // not a nil *Disk in an interface
	}
	if s.Written(id) {
		return s.writes.over(ctx, v)
	}
	return v, nil
}

// readFailed draws the conclusions from a read that failed.
func (s *Disks) readFailed(key diskKey, err error) {
	if errors.Is(err, syscall.ESTALE) {
		s.pace.hurry() // the export may have to be mounted again
	}
	s.tooShort(key, err)
}
