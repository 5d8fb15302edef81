package serve

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/cache/disk"
	"github.com/restorefs/restorefs/fusefs"
	"github.com/restorefs/restorefs/fusefs/inside/luks"
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
	// Unlock has the plain disks of encrypted volumes served too, by Plain; nil: they are not.
	Unlock Unlock
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

	life      context.Context // ends with Close
	end       context.CancelFunc
	unlocking singleflight.Group

	mu      sync.Mutex
	plain   map[diskKey]luks.Disk // as Unlock returned them; nil for those without a plain disk
	backups []fusefs.Backup
	byID    map[string]*backupstore.Backup
	open    map[diskKey]*openVolume
	short   map[diskKey]string // why not all of a backup can be read with the memory that there is
	looked  time.Time          // when the share was last looked at successfully
	lookErr error              // of the last look
}

var _ fusefs.Catalog = (*Disks)(nil)

// Metrics are those of docs/metrics.md and of the process, for Prometheus.
func (s *Disks) Metrics() prometheus.Gatherer { return s.registry }

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

// Unlock unlocks the volume of a backup, which has size bytes and is read by r. The error is
// luks.ErrNone (errors.Is) for one that is not encrypted. It may be called by many goroutines, also
// for the same backup, and what it returns stays its own.
type Unlock func(ctx context.Context, b *backupstore.Backup, r io.ReaderAt, size int64) (luks.Disk,
	error)
