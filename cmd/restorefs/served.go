package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/cache/disk"
	"github.com/restorefs/restorefs/fusefs"
)

// served is the catalogue as fusefs wants to see it: volumes read through the
// cache, the share looked at again from time to time.
type served struct {
	catalog *backupstore.Catalog
	cache   *cache.Cache
	log     *slog.Logger
	only    func(*backupstore.Backup) bool
	indexer *indexer    // nil: indexes are built by reads alone
	disk    *disk.Cache // nil: there is none
	writes  *overlays   // nil: disks are read-only
	meter   *meter

	registry  *prometheus.Registry
	metricsAt string       // address; "": nowhere
	lastAsked atomic.Int64 // Unix nanoseconds

	mu      sync.Mutex
	backups []fusefs.Backup
	byID    map[string]*backupstore.Backup
	open    map[diskKey]*openVolume
	looked  time.Time // when the share was last looked at, with success
	lookErr error     // of the last look
}

// diskKey tells disks apart as the mounted tree does: with another backup by the
// same id, what is open of the one before is not shared.
type diskKey struct {
	id            string
	size, created int64
}

func keyOf(b *backupstore.Backup) diskKey { return diskKey{b.ID, b.Size, b.CreatedAt.UnixNano()} }

// openVolume is a composed volume that some open files share.
type openVolume struct {
	cached *cache.Volume
	volume *backupstore.Volume
	users  int // guarded by served.mu
}

func newServed(catalog *backupstore.Catalog, memory *cache.Cache, log *slog.Logger, only func(*backupstore.Backup) bool) *served {
	s := &served{catalog: catalog, cache: memory, log: log, only: only, open: map[diskKey]*openVolume{}, registry: newRegistry(),
		lookErr: errors.Join(catalog.Unread()...)}
	s.lastAsked.Store(time.Now().UnixNano())
	s.meter = newMeter(s.registry)
	s.registry.MustRegister(collector{s})
	s.publish()
	return s
}

// publish takes over what the catalogue found last.
func (s *served) publish() {
	var backups []fusefs.Backup
	byID := map[string]*backupstore.Backup{}
	all := s.catalog.Backups()
	newest := newestOf(all)
	for _, b := range all {
		if !s.only(b) {
			continue
		}
		byID[b.ID] = b
		shown := fusefs.Backup{ID: b.ID, VolumeID: b.VolumeID, VolumeName: b.VolumeName(), CreatedAt: b.CreatedAt, Size: b.Size}
		if n := newest[b.VolumeID]; n != nil && !s.only(n) {
			shown.Superseded = true
		}
		// A broken backup whose chain can be composed is served: what is
		// damaged gives EIO, the rest may be all that is wanted.
		if b.State != backupstore.Complete {
			shown.Problem = printable(fmt.Sprintf("%s: %s", b.State, strings.Join(b.Problems, "; ")))
			shown.Partial = b.Chain() != nil
		}
		backups = append(backups, shown)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.open {
		if byID[k.id] == nil && s.byID[k.id] != nil {
			s.log.Warn("a backup that somebody reads is gone from the share: what of it is not open already gives errors from now on", "backup", k.id)
		}
	}
	if !slices.Equal(backups, s.backups) { // else the tree need not be laid out again
		s.backups = backups
	}
	s.byID, s.looked = byID, time.Now()
}

// newestOf is the newest complete backup of each volume. Of two made at the same
// time it is the one that fusefs takes for the latest.
func newestOf(all []*backupstore.Backup) map[string]*backupstore.Backup {
	newest := map[string]*backupstore.Backup{}
	for _, b := range all {
		n := newest[b.VolumeID]
		if b.State == backupstore.Complete && (n == nil || cmp.Or(b.CreatedAt.Compare(n.CreatedAt), strings.Compare(b.ID, n.ID)) > 0) {
			newest[b.VolumeID] = b
		}
	}
	return newest
}

// watch looks at the share every so often, and when told to, until ctx ends.
func (s *served) watch(ctx context.Context, every time.Duration, now <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-now:
		}
		s.look(ctx)
	}
}

// look looks at the share and takes over what is there now.
func (s *served) look(ctx context.Context) {
	err := s.catalog.Refresh(ctx)
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		s.publish()
		err = errors.Join(s.catalog.Unread()...)
	}
	s.note(err)
}

// note keeps how the last look at the share went, and says so when it went
// otherwise than the one before.
func (s *served) note(err error) {
	s.mu.Lock()
	before := s.lookErr
	s.lookErr = err
	s.mu.Unlock()
	switch {
	case err == nil && before != nil:
		s.log.Warn("the share can be looked at again")
	case err != nil && (before == nil || before.Error() != err.Error()):
		s.log.Warn("not all of the share can be looked at; what was seen there last stays", "err", err)
	}
}

// idle returns for how long nobody has used the mount; 0 while a disk is open.
func (s *served) idle() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) > 0 {
		return 0
	}
	return time.Since(time.Unix(0, s.lastAsked.Load()))
}

// Backups implements fusefs.Catalog.
func (s *served) Backups(context.Context) ([]fusefs.Backup, error) {
	s.lastAsked.Store(time.Now().UnixNano())
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.backups, nil
}

func (s *served) backup(id string) (*backupstore.Backup, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.byID[id]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("backup %s is gone from the share: %w", id, fs.ErrNotExist)
}

// Size implements fusefs.Catalog.
func (s *served) Size(_ context.Context, id string) (int64, error) {
	b, err := s.backup(id)
	if err != nil {
		return 0, err
	}
	return b.Size, nil
}

// Metadata implements fusefs.Catalog.
func (s *served) Metadata(ctx context.Context, id string) ([]byte, error) {
	b, err := s.backup(id)
	if err != nil {
		return nil, err
	}
	record, err := b.Record(ctx)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	err = writeJSON(&buf, record)
	return buf.Bytes(), err
}

// Open implements fusefs.Catalog. A disk that somebody opens is worth an index.
func (s *served) Open(ctx context.Context, id string) (fusefs.Volume, error) {
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
func (s *served) Peek(ctx context.Context, id string) (fusefs.Volume, error) {
	v, err := s.share(ctx, id)
	if err != nil {
		return nil, err // not a nil *servedVolume in an interface
	}
	if s.Written(id) {
		return s.writes.over(ctx, v)
	}
	return v, nil
}

// Digests implements fusefs.Catalog.
func (s *served) Digests(ctx context.Context, id string) (fusefs.Digests, error) {
	b, err := s.backup(id)
	if err != nil {
		return nil, err
	}
	d, err := s.catalog.Digests(ctx, b)
	if err != nil || d == nil {
		return nil, err // not a nil *backupstore.Digests in an interface
	}
	return d, nil
}

// Written implements fusefs.Catalog.
func (s *served) Written(id string) bool { return s.writes != nil && s.writes.has(id) }

// share opens a volume, or joins those who have it open.
func (s *served) share(ctx context.Context, id string) (*servedVolume, error) {
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
		if v = s.open[key]; v == nil { // else somebody was quicker
			v = &openVolume{cached: s.cache.Volume(spansOf(composed), s.source(composed)), volume: composed}
			s.open[key] = v
		}
		v.users++
		s.mu.Unlock()
	}
	return &servedVolume{Volume: v.volume, cached: v.cached, reader: v.cached.NewReader(), close: func() { s.release(key, v) }, indexer: s.indexer, meter: s.meter}, nil
}

// spansOf names the bytes of a volume for the cache. An id is not enough: the
// share can be another one by now, with another backup by that name.
func spansOf(v *backupstore.Volume) string {
	content := v.Identity()
	return fmt.Sprintf("of backup %s (contents %x)", v.Backup().ID, content[:8])
}

// source is what the cache reads a volume from.
func (s *served) source(v *backupstore.Volume) cache.Source {
	if s.disk != nil {
		return s.disk.Volume(v)
	}
	return v
}

func (s *served) release(key diskKey, v *openVolume) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastAsked.Store(time.Now().UnixNano())
	if v.users--; v.users == 0 {
		delete(s.open, key)
	}
}

// servedVolume is one open file.
type servedVolume struct {
	*backupstore.Volume
	cached  *cache.Volume
	reader  *cache.Reader
	close   func()
	indexer *indexer
	meter   *meter
}

// Read implements fusefs.Volume.
func (v *servedVolume) Read(ctx context.Context, off int64, n int) (fusefs.Data, error) {
	if v.indexer != nil {
		defer v.indexer.read()()
	}
	start := time.Now()
	view, err := v.reader.Read(ctx, off, n)
	if err != nil {
		v.meter.failed(ctx, err)
		return nil, err // not a nil *cache.View in an interface
	}
	v.meter.read(start, view)
	return view, nil
}

// Close implements fusefs.Volume.
func (v *servedVolume) Close() error {
	v.reader.Close()
	v.close()
	return nil
}
