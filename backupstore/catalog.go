package backupstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/restorefs/restorefs/backupstore/scanned"
	"github.com/restorefs/restorefs/backupstore/seekable"
	"github.com/restorefs/restorefs/backupstore/seekable/index"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/several"
)

// Options configure a Catalog.
type Options struct {
	// DecoderBytes bounds the memory of all decoders together, and once more that of the buffers
	// into which Verify reads digest blocks above a MiB. 0: 128 MiB.
	DecoderBytes int64
	// MemoryFor is for messages: it returns how much memory the user has to give the program in all
	// so that DecoderBytes is n. nil: unknown.
	MemoryFor func(n int64) int64
	// IndexDir is the directory that keeps the indexes of objects, at most IndexBytes of them (0: 1
	// GiB). "": they are kept in memory while in use.
	IndexDir   string
	IndexBytes int64
	// NoIndexBuild uses existing indexes and lets reads build none: for callers that read a volume
	// once, from front to back.
	NoIndexBuild bool
	// Known keeps what was seen on the share for the next process, see package scanned. The zero
	// File keeps nothing.
	Known scanned.File
	// Once says that Refresh is called once: what only the next one needs is not kept, which is
	// half of what a catalogue takes. A second call looks at everything again.
	Once bool
	// Logger gets what an operator should know and no function returns. nil: nothing is logged.
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
	zeros   *zeroSums
	layers  *layerCache
	blocks  *blockMemory
	known   known
	count   counters
	// needing is Options.MemoryFor, or nil.
	needing func(decoderBytes int64) int64
	once    bool         // see Options
	cores   int          // for decoding, set when the catalogue is made
	filling atomic.Int32 // calls of fillOverlapped under way

	mu       sync.Mutex
	snapshot snapshot
}

// snapshot is one consistent look at the share.
type snapshot struct {
	backups []*Backup
	byID    map[string]*Backup
	unread  []error
	notes   []string
	scanned map[string]*Scanned // by path; never changed
	root    *scanned.Dir        // see memory; never changed
	changes uint64              // how many snapshots before it showed something else
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
		if indexes, err = index.OpenStore(o.IndexDir, cmp.Or(o.IndexBytes, 1<<30),
			o.Logger); err != nil {
			o.Logger.Warn("indexes cannot be kept: the next run decodes again what this one does",
				"dir", o.IndexDir, "err", err)
			indexes = nil
		}
	}
	engine := seekable.NewEngine(seekable.Options{MemoryBytes: o.DecoderBytes, Indexes: indexes,
		NoBuild: o.NoIndexBuild})
	files := newOpenFiles(s, maxOpenFiles)
	return &Catalog{
		share: s, log: o.Logger, indexes: indexes, engine: engine,
		files: files, live: newLiveObjects(engine, files), rows: newRowCache(),
		zeros: newZeroSums(), layers: newLayerCache(), blocks: newBlockMemory(o.DecoderBytes),
		known: recall(o.Known, o.Logger), needing: o.MemoryFor, once: o.Once,
		cores: runtime.GOMAXPROCS(0),
	}
}

// memoryFor returns Options.MemoryFor of n, 0 if that is unknown.
func (c *Catalog) memoryFor(n int64) int64 {
	if c.needing == nil {
		return 0
	}
	return c.needing(n)
}

// Close releases what the Catalog holds. Volumes opened from it must not be
// used afterwards.
func (c *Catalog) Close() error {
	c.live.forgetAll()
	c.engine.Close()
	c.files.forgetAll()
	if c.indexes != nil {
		c.indexes.Close()
	}
	c.mu.Lock()
	root := c.snapshot.root
	c.mu.Unlock()
	c.keep(root, 0)
	return c.share.Close()
}

// String says where the share is.
func (c *Catalog) String() string { return c.share.String() }

// KeepsIndexes reports whether indexes outlive the process.
func (c *Catalog) KeepsIndexes() bool { return c.indexes != nil }

// Refresh looks at the share again. On error the catalogue stays as it was. A directory that could
// be read before and cannot now keeps its backups. Backups whose files have not changed are not
// read again, nor are directories whose stamps say that they hold the same names.
func (c *Catalog) Refresh(ctx context.Context) error {
	c.mu.Lock()
	before := c.snapshot
	c.mu.Unlock()
	m := c.memory(before)
	found, err := c.look(ctx, before, m)
	if err != nil {
		if ctx.Err() == nil {
			c.count.share.Add(1)
			return err
		}
		return fmt.Errorf("look for backups on %s: %w", c, err)
	}
	c.count.share.Add(uint64(len(found.errors(true))))
	c.known.looked(m)
	if c.once {
		m = memory{}
		c.keep(found.root, keepEvery)
		found.root = nil
		c.known.forget()
	}
	s := snapshot{scanned: found.backups, root: found.root,
		unread: found.errors(before.scanned != nil), notes: found.notes(),
		backups: before.backups, byID: before.byID, changes: before.changes}
	if before.scanned == nil || !maps.EqualFunc(before.scanned, found.backups, (*Scanned).same) {
		s.backups, s.byID, s.changes = nil, make(map[string]*Backup,
			len(found.backups)), before.changes+1
		c.resolve(&s, before)
	}
	if c.once {
		s.scanned = nil
	}
	c.mu.Lock()
	c.snapshot = s
	c.mu.Unlock()
	c.keep(s.root, keepEvery)
	return nil
}

// resolve makes the backups of what was scanned.
func (c *Catalog) resolve(s *snapshot, before snapshot) {
	copies := map[string][]*Scanned{} // of those that are there more than once
	for file, b := range s.scanned {
		if was := before.scanned[file]; was != nil && was.Listing != b.Listing {
			// A damaged object may have been replaced by a good one, which volumes opened from now
			// on must read.
			c.live.forget(file)
			c.files.forgetBackup(file)
		}
		switch first := s.byID[b.ID]; {
		case first == nil:
			s.byID[b.ID] = newBackup(b)
		case copies[b.ID] == nil:
			copies[b.ID] = []*Scanned{&first.Scanned, b}
		default:
			copies[b.ID] = append(copies[b.ID], b)
		}
	}
	for id, all := range copies {
		s.byID[id] = preferred(all)
	}
	s.backups = make([]*Backup, 0, len(s.byID))
	for _, b := range s.byID {
		b.catalog = c
		s.backups = append(s.backups, b)
	}
	slices.SortFunc(s.backups, byVolumeAndTime)
	resolve(*s)
}

// look looks at the share, or at its replacement.
func (c *Catalog) look(ctx context.Context, before snapshot, m memory) (look, error) {
	if before.scanned == nil { // it has just been opened
		return scan(ctx, c.share, m)
	}
	found, renewed, odd := c.renew(ctx, before, m)
	if renewed || ctx.Err() != nil {
		return found, ctx.Err()
	}
	found, err := scan(ctx, c.share, m)
	if errors.Is(err, share.ErrStale) { // the scan found out only now
		if found, renewed, odd = c.renew(ctx, before, m); renewed {
			return found, nil
		}
	}
	if odd != nil {
		found.odd = fmt.Errorf("the share %s: %w", c.share, advised(odd))
	}
	return found, err
}

// renew looks at what has replaced the share, if something has, and adopts it if it has backups.
// Open volumes keep the files that they have open, and open others in the new place.
func (c *Catalog) renew(ctx context.Context, before snapshot, m memory) (found look, renewed bool,
	odd error) {
	next, err := c.share.Successor(ctx)
	if err != nil {
		return look{}, false, fmt.Errorf("see whether it is still the same: %w", err)
	}
	if next == nil {
		return look{}, false, nil
	}
	found, err = scan(ctx, next, m)
	if err == nil && emptied(next, before.scanned, found.backups) {
		err = errNoBackups
	}
	if err != nil {
		next.Close()
		return look{}, false, err
	}
	c.share.Become(next)
	c.live.forgetAll()
	c.files.forgetAll()
	c.log.Warn("the share's directory is another one now, as after a remount; from now on this "+
		"one is read", "share", c.share.String())
	return found, true, nil
}

// emptied reports whether a share had backups, and has none now; of several, whether one of them is
// so.
func emptied(s share.Share, before, now map[string]*Scanned) bool {
	roots := []string{""}
	if s, ok := s.(*several.Share); ok {
		roots = s.Names()
	}
	has := func(all map[string]*Scanned, root string) bool {
		for file := range all {
			if root == "" || strings.HasPrefix(file, root+"/") {
				return true
			}
		}
		return false
	}
	return slices.ContainsFunc(roots, func(root string) bool {
		return has(before, root) && !has(now, root)
	})
}

// errNoBackups says that the share's path now names something that cannot be meant.
var errNoBackups = errors.New("its path now names another directory, without any backup, " +
	"as when an export is unmounted; the one that was opened is kept")

// preferred chooses between directories with the same backup, of which a manual copy leaves
// several: the best state counts, then the first name.
func preferred(copies []*Scanned) *Backup {
	slices.SortFunc(copies, func(a, b *Scanned) int {
		return cmp.Or(cmp.Compare(a.alone.State, b.alone.State),
			strings.Compare(a.file(""), b.file("")))
	})
	b := newBackup(copies[0])
	for _, o := range copies[1:] {
		if o.alone.State == Complete && b.alone.State == Complete && !b.isCopyOf(o) {
			b.broken("another backup of the same id is in %s: it is of another volume, time, size "+
				"or parent, so that which of the two is meant is not known (give the share or "+
				"directory of one of them as --share)", o.Container())
			b.usable = false
			return b
		}
	}
	switch n := len(copies); {
	case n == 2:
		b.problem("the same backup is also in %s, which is not used", copies[1].Container())
	case n > 2:
		b.problem("the same backup is also in %s and %d more directories, which are not used",
			copies[1].Container(), n-2)
	}
	return b
}

// isCopyOf reports whether two backups of the same id are the same by what their _metadata says.
func (b *Backup) isCopyOf(o *Scanned) bool {
	return b.VolumeID == o.VolumeID && b.ParentID == o.ParentID && b.CreatedAt.Equal(o.CreatedAt) &&
		b.Objects == o.Objects && b.DataEnd == o.DataEnd
}

// byVolumeAndTime sorts by volume id and then by time, oldest first. If volumes were sorted by
// their first backup, they would change places as backups are deleted.
func byVolumeAndTime(a, b *Backup) int {
	return cmp.Or(strings.Compare(a.VolumeID, b.VolumeID), a.CreatedAt.Compare(b.CreatedAt),
		strings.Compare(a.ID, b.ID))
}

// Backups returns all backups of the last Refresh, by volume, oldest first. The
// caller must not change the slice.
func (c *Catalog) Backups() []*Backup {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.snapshot.backups
}

// Changes counts how often a look at the share has found something else than the one before.
func (c *Catalog) Changes() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.snapshot.changes
}

// Unread returns what the last Refresh could not look at, or saw and could not read: there may be
// more backups than Backups returns.
func (c *Catalog) Unread() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.snapshot.unread
}

// Notes returns what the last Refresh saw that is not a backup but may be asked about.
func (c *Catalog) Notes() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.snapshot.notes
}
