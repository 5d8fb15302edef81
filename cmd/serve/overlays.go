package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/fusefs"
	"github.com/restorefs/restorefs/fusefs/overlay"
)

// overlays are the overlays in one directory that a mount has open, each once for all open files of
// its disk.
type overlays struct {
	dir string
	log *slog.Logger

	mu   sync.Mutex
	open map[string]*sharedOverlay // by backup id
}

type sharedOverlay struct {
	key     overlay.Key
	overlay *overlay.Overlay
	users   int
	busy    chan struct{} // being opened or closed until this is closed; nil: neither
}

func overlayKey(v *backupstore.Volume) overlay.Key {
	return overlay.Key{Backup: v.Backup().ID, Size: v.Size(), Content: v.Identity()}
}

// check refuses a directory with overlays that do not belong to the contents of the backups that
// are served. It is called before anything is mounted.
func (l *overlays) check(ctx context.Context, catalog *backupstore.Catalog,
	only func(*backupstore.Backup) bool) error {
	list, err := overlay.List(l.dir)
	if err != nil {
		return err
	}
	for _, info := range list {
		b, err := catalog.Find(info.Backup)
		if err != nil || b.ID != info.Backup || !only(b) {
			continue
		}
		if info.InUse {
			l.log.Warn("a disk cannot be opened until its overlay is free: another process has it",
				"backup", b.ID, "dir", l.dir)
			continue
		}
		if err := l.checkOne(ctx, catalog, b); err != nil {
			return err
		}
		if info.Problem != "" { // with a part of the disk only: the rest can be used
			l.log.Warn("not all of a disk can be read or written", "backup", b.ID, "dir", l.dir,
				"problem", info.Problem)
		}
	}
	return nil
}

func (l *overlays) checkOne(ctx context.Context, catalog *backupstore.Catalog,
	b *backupstore.Backup) error {
	v, err := catalog.Open(ctx, b)
	if err != nil {
		l.log.Warn("an overlay cannot be used, as its backup cannot be opened",
			"backup", b.ID, "err", err)
		return ctx.Err()
	}
	o, err := overlay.OpenReadOnly(ctx, l.dir, overlayKey(v), v, overlay.Options{Logger: l.log})
	switch {
	case err == nil:
		return o.Close()
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, overlay.ErrInUse):
		l.log.Warn("a disk cannot be opened until its overlay is free", "backup", b.ID, "err", err)
		return nil
	}
	return err
}

// acquire opens the overlay of a backup, or shares it if it is open. release closes it after its
// last user has released it.
func (l *overlays) acquire(ctx context.Context, key overlay.Key,
	base overlay.Base) (o *overlay.Overlay, release func() error, err error) {
	for {
		l.mu.Lock()
		s := l.open[key.Backup]
		if s == nil {
			s = &sharedOverlay{key: key, users: 1, busy: make(chan struct{})}
			l.open[key.Backup] = s
			l.mu.Unlock()
			o, err := overlay.Open(ctx, l.dir, key, base, overlay.Options{Logger: l.log})
			l.settle(key.Backup, s, o)
			return o, func() error { return l.release(key.Backup, s) }, err
		}
		busy := s.busy
		switch {
		case s.key != key:
			l.mu.Unlock()
			return nil, nil, fmt.Errorf("the overlay of backup %s is in use with what the backup "+
				"was before it changed on the share: %w", key.Backup, overlay.ErrOther)
		case busy == nil:
			s.users++
			l.mu.Unlock()
			return s.overlay, func() error { return l.release(key.Backup, s) }, nil
		}
		l.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// settle ends the opening or closing of s; o is nil if s is not open now.
func (l *overlays) settle(id string, s *sharedOverlay, o *overlay.Overlay) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.overlay = o; o == nil {
		delete(l.open, id)
	}
	close(s.busy)
	s.busy = nil
}

// has reports whether a backup has an overlay, or has one in use whose files may not exist yet.
func (l *overlays) has(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open[id] != nil || overlay.Exists(l.dir, id)
}

func (l *overlays) release(id string, s *sharedOverlay) error {
	l.mu.Lock()
	s.users--
	if s.users > 0 {
		l.mu.Unlock()
		return nil
	}
	s.busy = make(chan struct{})
	l.mu.Unlock()
	defer l.settle(id, s, nil)
	return s.overlay.Close()
}

// over puts the overlay of an open volume over it. It owns v from then on, also if it fails.
func (l *overlays) over(ctx context.Context, v *Disk) (fusefs.Disk, error) {
	o, release, err := l.acquire(ctx, overlayKey(v.Volume), overlayBase{v.cached, v.Volume})
	if err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return &overlaidVolume{Disk: v, Overlay: o, release: release}, nil
}

// overlayBase is the volume below an overlay, read through the cache.
type overlayBase struct {
	cached *cache.Cached
	volume *backupstore.Volume
}

func (b overlayBase) ReadAt(ctx context.Context, p []byte, off int64) error {
	return b.cached.ReadAt(ctx, p, off)
}

func (b overlayBase) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	return b.volume.NextData(ctx, off, end)
}
