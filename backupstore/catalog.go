package backupstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/restorefs/restorefs/backupstore/seekable"
	"github.com/restorefs/restorefs/backupstore/seekable/index"
	"github.com/restorefs/restorefs/backupstore/share"
)

// Errors of Find.
var (
	ErrNoBackup  = errors.New("no such backup")
	ErrAmbiguous = errors.New("ambiguous")
)

// Options configure a Catalog.
type Options struct {
	// DecoderBytes bounds the memory of all decoders together. 0: 128 MiB.
	DecoderBytes int64
	// IndexDir is the directory in which the indexes of objects are kept, of
	// IndexBytes at most (0: 1 GiB). "": they live in memory while in use.
	IndexDir   string
	IndexBytes int64
	// Logger hears of what an operator should know and no caller returns. nil:
	// nothing is logged.
	Logger *slog.Logger
}

// Catalog is what is on a share. It is safe for concurrent use.
type Catalog struct {
	share   share.Share
	log     *slog.Logger
	indexes *index.Store // nil: none on disk
	engine  *seekable.Engine
	files   *openFiles
	live    *liveObjects
	rows    *rowCache

	mu       sync.Mutex
	snapshot snapshot
}

// snapshot is one consistent look at the share.
type snapshot struct {
	backups []*Backup
	byID    map[string]*Backup
	unread  []error
}

// NewCatalog returns the empty catalogue of s: Refresh fills it. The Catalog
// owns s from now on.
func NewCatalog(s share.Share, o Options) *Catalog {
	if o.DecoderBytes == 0 {
		o.DecoderBytes = 128 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	var indexes *index.Store
	if o.IndexDir != "" {
		var err error
		if indexes, err = index.OpenStore(o.IndexDir, cmp.Or(o.IndexBytes, 1<<30), o.Logger); err != nil {
			o.Logger.Warn("indexes cannot be kept: the next run decodes again what this one does", "dir", o.IndexDir, "err", err)
			indexes = nil
		}
	}
	engine := seekable.NewEngine(seekable.Options{MemoryBytes: o.DecoderBytes, Indexes: indexes})
	files := newOpenFiles(s, maxOpenFiles)
	return &Catalog{
		share: s, log: o.Logger, indexes: indexes, engine: engine,
		files: files, live: newLiveObjects(engine, files), rows: newRowCache(),
	}
}

// Close releases what the Catalog holds. Volumes opened from it must not be
// used afterwards.
func (c *Catalog) Close() error {
	c.live.close()
	c.engine.Close()
	c.files.close()
	if c.indexes != nil {
		c.indexes.Close()
	}
	return c.share.Close()
}

// KeepsIndexes reports whether indexes outlive the process.
func (c *Catalog) KeepsIndexes() bool { return c.indexes != nil }

// Refresh looks at the share anew. On error the catalogue stays as it was.
func (c *Catalog) Refresh(ctx context.Context) error {
	found, unread, err := scan(ctx, c.share)
	if err != nil {
		return err
	}
	s := snapshot{byID: make(map[string]*Backup, len(found)), unread: unread}
	for _, b := range found {
		if other := s.byID[b.ID]; other != nil {
			b = preferred(b, other)
		}
		s.byID[b.ID] = b
	}
	for _, b := range s.byID {
		if b.duplicate != "" {
			b.problem("the same backup is also in %s, which is not used", b.duplicate)
		}
		s.backups = append(s.backups, b)
	}
	resolve(s)
	slices.SortFunc(s.backups, byVolumeAndTime)
	for _, b := range s.backups {
		if err := c.sizeFromDigests(ctx, b); err != nil {
			return err
		}
	}
	c.mu.Lock()
	c.snapshot = s
	c.mu.Unlock()
	return nil
}

// preferred decides between two directories with the same backup id: the
// usable one, then the first by name.
func preferred(a, b *Backup) *Backup {
	if cmp.Or(cmp.Compare(a.State, b.State), strings.Compare(a.Container, b.Container)) > 0 {
		a, b = b, a
	}
	a.duplicate = b.Container
	return a
}

// byVolumeAndTime sorts oldest first within a volume; volumes by their first
// appearance in time would move lines about as backups are deleted, so by id.
func byVolumeAndTime(a, b *Backup) int {
	return cmp.Or(strings.Compare(a.VolumeID, b.VolumeID), a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
}

// Backups returns all backups of the last Refresh, by volume, oldest first.
func (c *Catalog) Backups() []*Backup {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.snapshot.backups
}

// Unread returns what the last Refresh could not look at.
func (c *Catalog) Unread() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.snapshot.unread
}

// Find returns the backup that ref names: a backup id, a unique prefix of one
// (4 or more characters), VOLUME_ID@latest, or VOLUME_ID@TIME (the newest
// complete backup at or before TIME, RFC 3339 or YYYY-MM-DD[ HH:MM[:SS]], UTC
// where no zone is given). Volume ids can be shortened likewise. Errors wrap
// ErrNoBackup or ErrAmbiguous.
func (c *Catalog) Find(ref string) (*Backup, error) {
	volume, when, ok := strings.Cut(ref, "@")
	if ok {
		return c.findByTime(volume, when)
	}
	if len(ref) < 4 {
		return nil, fmt.Errorf("%w: %q is too short, give 4 characters of its id or more", ErrNoBackup, ref)
	}
	var found []string
	var match *Backup
	for _, b := range c.Backups() {
		if strings.HasPrefix(b.ID, strings.ToLower(ref)) {
			found, match = append(found, b.ID), b
		}
	}
	return match, unique("backup", ref, found, c.share)
}

func (c *Catalog) findByTime(volume, when string) (*Backup, error) {
	until := time.Unix(1<<40, 0)
	if when != "latest" {
		var err error
		if until, err = parseWhen(when); err != nil {
			return nil, err
		}
	}
	if len(volume) < 4 {
		return nil, fmt.Errorf("%w: %q is too short, give 4 characters of the volume's id or more", ErrNoBackup, volume)
	}
	var volumes []string
	var match *Backup
	for _, b := range c.Backups() {
		if !strings.HasPrefix(b.VolumeID, strings.ToLower(volume)) {
			continue
		}
		if !slices.Contains(volumes, b.VolumeID) {
			volumes = append(volumes, b.VolumeID)
		}
		if b.State == Complete && !b.CreatedAt.After(until) {
			match = b
		}
	}
	if err := unique("backups of volume", volume, volumes, c.share); err != nil {
		return nil, err
	}
	if match == nil {
		return nil, fmt.Errorf("%w: volume %s has no complete backup at or before %s", ErrNoBackup, volumes[0], when)
	}
	return match, nil
}

func unique(what, ref string, found []string, s share.Share) error {
	switch {
	case len(found) == 0:
		return fmt.Errorf("%w: no %s %s on the share %s; \"restorefs list --all\" shows what is there", ErrNoBackup, what, ref, s)
	case len(found) > 1:
		return fmt.Errorf("%w: %s could be %s", ErrAmbiguous, ref, strings.Join(found, ", "))
	}
	return nil
}

func parseWhen(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	if t, err := time.Parse("2006-01-02", s); err == nil { // the whole day
		return t.Add(24*time.Hour - 1), nil
	}
	return time.Time{}, fmt.Errorf("%w: %q is neither \"latest\" nor a time such as 2026-11-22T18:46:01Z", ErrNoBackup, s)
}
