package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/cache/disk"
	"github.com/restorefs/restorefs/fusefs"
)

// Options say what is served, and how. The zero value serves all backups, read-only, with the least
// memory.
type Options struct {
	// Only says which backups are served; nil: all.
	Only func(*backupstore.Backup) bool
	// CacheBytes is the memory for decoded data.
	CacheBytes int64
	// MemoryFor is cache.Options.MemoryFor, for messages: how much memory the user has to allow for
	// the cache to get cacheBytes.
	MemoryFor func(cacheBytes int64) int64

	// DiskCache is a directory for decoded blocks, which keeps DiskCacheBytes of them; "": there is
	// none.
	DiskCache      string
	DiskCacheBytes int64
	// Overlay is a directory for what is written onto the disks; "" makes them read-only.
	Overlay string
	// Index completes the indexes of opened disks in the background, if the catalogue keeps any.
	Index bool

	// Share, Version and MetricsAddress are shown in the status unchanged.
	Share, Version, MetricsAddress string

	// Logger; nil: nothing is logged.
	Logger *slog.Logger
}

// Disks are the backups of a catalogue as disks, for fusefs to mount. Their volumes are read
// through the caches and shared by all open files, and the share is looked at again from time to
// time. It is safe for concurrent use.
type Disks struct {
	catalog *backupstore.Catalog
	o       Options
	only    func(*backupstore.Backup) bool
	log     *slog.Logger
	cache   *cache.Cache
	indexer *indexer    // nil: only reads build indexes
	disk    *disk.Cache // nil: there is none
	writes  *overlays   // nil: disks are read-only
	meter   *meter
	pace    *pace

	registry  *prometheus.Registry
	started   time.Time
	lastAsked atomic.Int64 // Unix nanoseconds

	mu      sync.Mutex
	backups []fusefs.Backup
	byID    map[string]*backupstore.Backup
	open    map[diskKey]*openVolume
	short   map[diskKey]string // why not all of a backup can be read with the memory that there is
	looked  time.Time          // when the share was last looked at successfully
	lookErr error              // of the last look
}

var _ fusefs.Catalog = (*Disks)(nil)

// New returns the disks of a catalogue that has looked at the share. The caller keeps the catalogue
// and closes it after Close. The directories in o must exist and be acceptable to package
// cache/private. An overlay that does not belong to the contents of its backup is an error now,
// because later it would only show as a disk that cannot be opened.
func New(ctx context.Context, catalog *backupstore.Catalog, o Options) (*Disks, error) {
	s := &Disks{catalog: catalog, o: o, only: o.Only, log: o.Logger,
		open: map[diskKey]*openVolume{}, short: map[diskKey]string{}, pace: newPace(),
		started: time.Now().UTC().Truncate(time.Second), lookErr: errors.Join(catalog.Unread()...)}
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
	s.registry.MustRegister(newCollector(s))
	s.publish()
	return s, nil
}

// Close frees the caches. Call it last, after the mount has ended and Run has returned.
func (s *Disks) Close() {
	s.cache.Close()
	if s.disk != nil {
		s.disk.Close()
	}
}

// Metrics are those of docs/metrics.md and of the process, for Prometheus.
func (s *Disks) Metrics() prometheus.Gatherer { return s.registry }

// Run looks at the share at the given interval, whenever now says so, and when the files of an open
// disk turn out to be stale; it builds indexes while there are no reads. While nothing changes and
// nobody lists the disks the interval grows up to mostPatience times. It returns when ctx ends.
func (s *Disks) Run(ctx context.Context, every time.Duration, now <-chan struct{}) {
	var indexing sync.WaitGroup
	if s.indexer != nil {
		indexing.Go(func() { s.indexer.run(ctx) })
	}
	defer indexing.Wait()
	s.pace.every = every
	for quiet := false; s.pace.next(ctx, now, quiet); {
		before := s.catalog.Changes()
		ok := s.Look(ctx)
		quiet = ok && s.catalog.Changes() == before
	}
}

// publish makes the disks those that the catalogue found last.
func (s *Disks) publish() {
	var backups []fusefs.Backup
	byID := map[string]*backupstore.Backup{}
	all := s.catalog.Backups()
	newest := newestOf(all)
	s.mu.Lock()
	short := maps.Clone(s.short)
	s.mu.Unlock()
	for _, b := range all {
		if !s.only(b) {
			continue
		}
		byID[b.ID] = b
		shown := fusefs.Backup{ID: b.ID, VolumeID: b.VolumeID, VolumeName: b.VolumeName(),
			CreatedAt: b.CreatedAt, Size: b.Size}
		shown.Short = short[keyOf(b)]
		if n := newest[b.VolumeID]; n != nil && !s.only(n) {
			shown.Superseded = true
		}
		// A broken backup with a chain that can be composed is served: damaged ranges give EIO, and
		// the others may be all that is needed.
		if b.State != backupstore.Complete {
			shown.Problem = safetext.Printable(fmt.Sprintf("%s: %s", b.State,
				strings.Join(b.Problems, "; ")))
			shown.Partial = b.Chain() != nil
		}
		backups = append(backups, shown)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.open {
		if byID[k.id] == nil && s.byID[k.id] != nil {
			s.log.Warn("a backup that somebody reads is gone from the share: what of it is not "+
				"open already gives errors from now on", "backup", k.id)
		}
	}
	if !slices.Equal(backups, s.backups) { // else the tree stays as it is
		s.backups = backups
	}
	maps.DeleteFunc(s.short, func(k diskKey, _ string) bool { return byID[k.id] == nil })
	s.byID, s.looked = byID, time.Now()
}

// newestOf returns the newest complete backup of each volume. Of two from the same time it is the
// one that fusefs takes as the latest.
func newestOf(all []*backupstore.Backup) map[string]*backupstore.Backup {
	newest := map[string]*backupstore.Backup{}
	for _, b := range all {
		n := newest[b.VolumeID]
		if b.State == backupstore.Complete && (n == nil ||
			cmp.Or(b.CreatedAt.Compare(n.CreatedAt), strings.Compare(b.ID, n.ID)) > 0) {
			newest[b.VolumeID] = b
		}
	}
	return newest
}

// Look looks at the share and publishes what is there now. It reports whether all could be looked
// at; why not, it logs.
func (s *Disks) Look(ctx context.Context) bool {
	err := s.catalog.Refresh(ctx)
	if ctx.Err() != nil {
		return false
	}
	if err == nil {
		s.publish()
		err = errors.Join(s.catalog.Unread()...)
	}
	s.note(err)
	return err == nil
}

// note keeps the result of the last look at the share, and logs it if it differs from the one
// before.
func (s *Disks) note(err error) {
	s.mu.Lock()
	before := s.lookErr
	s.lookErr = err
	s.mu.Unlock()
	switch {
	case err == nil && before != nil:
		s.log.Warn("the share can be looked at again")
	case err != nil && (before == nil || before.Error() != err.Error()):
		s.log.Warn("not all of the share can be looked at; what was seen there last stays",
			"err", err)
	}
}

// Used restarts Idle. It is called when the disks become usable, too.
func (s *Disks) Used() { s.lastAsked.Store(time.Now().UnixNano()) }

// Idle returns how long the disks have not been used; 0 while one is open.
func (s *Disks) Idle() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) > 0 {
		return 0
	}
	return time.Since(time.Unix(0, s.lastAsked.Load()))
}

// Backups implements fusefs.Catalog.
func (s *Disks) Backups(context.Context) ([]fusefs.Backup, error) {
	s.Used()
	s.pace.ask()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.backups, nil
}

func (s *Disks) backup(id string) (*backupstore.Backup, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.byID[id]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("backup %s is gone from the share: %w", id, fs.ErrNotExist)
}

// Metadata implements fusefs.Catalog.
func (s *Disks) Metadata(ctx context.Context, id string) ([]byte, error) {
	b, err := s.backup(id)
	if err != nil {
		return nil, err
	}
	record, err := b.Record(ctx)
	if err != nil {
		return nil, err
	}
	return safetext.JSON(record, true)
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

// Digests implements fusefs.Catalog.
func (s *Disks) Digests(ctx context.Context, id string) (fusefs.Digests, error) {
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
func (s *Disks) Written(id string) bool { return s.writes != nil && s.writes.has(id) }
