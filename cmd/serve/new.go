package serve

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/cache/disk"
	"github.com/restorefs/restorefs/fusefs/inside/luks"
)

// New returns the disks of a catalogue that has looked at the share. The caller keeps the catalogue
// and closes it after Close. The directories in o must exist and be acceptable to package
// cache/private. An overlay that does not belong to the contents of its backup is an error now,
// because later it would only show as a disk that cannot be opened.
func New(ctx context.Context, catalog *backupstore.Catalog, o Options) (*Disks, error) {
	s := &Disks{catalog: catalog, o: o, only: o.Only, log: o.Logger,
		open: map[diskKey]*openVolume{}, short: map[diskKey]string{}, pace: newPace(),
		plain:   map[diskKey]luks.Disk{},
		started: time.Now().UTC().Truncate(time.Second), lookErr: errors.Join(catalog.Unread()...)}
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	if s.only == nil {
		s.only = func(*backupstore.Backup) bool { return true }
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if o.Overlay != "" {
		s.writes = &overlays{dir: o.Overlay, log: s.log, open: map[string]*sharedOverlay{}}
		if err := s.writes.check(ctx, catalog, s.only); err != nil {
			return nil, err
		}
	}
	if o.DiskCache != "" {
		kept, err := disk.Open(disk.Options{Dir: o.DiskCache, Bytes: o.DiskCacheBytes,
			Logger: s.log})
		if err != nil {
			return nil, err
		}
		s.disk = kept
	}
	s.cache = cache.New(cache.Options{MemoryBytes: o.CacheBytes, MemoryFor: o.MemoryFor,
		Logger: s.log})
	if o.Index && catalog.KeepsIndexes() {
		s.indexer = newIndexer(s.log, catalog)
	}
	s.Used()
	s.registry = newRegistry()
	s.meter = newMeter(s.registry)
	s.registry.MustRegister(newCollector(o.Version, s.status))
	s.publish()
	return s, nil
}

// Close frees the caches. Call it last, after the mount has ended and Run has returned.
func (s *Disks) Close() {
	s.end()
	s.cache.Close()
	if s.disk != nil {
		s.disk.Close()
	}
}
