// Package source opens what a command reads: the share that its flags name, the catalogue of the
// backups on it, and for a moment the disk of one of them, to say what is there.
//
// It reads no flags; its errors name those that help. It prints nothing and logs what could not be
// read.
package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/scanned"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/places"
)

// Options say where the backups are.
type Options struct {
	Share     locate.Options
	Cache     places.Cache
	Indexes   bool                    // keep those of objects in Cache
	MemoryFor func(share int64) int64 // see [backupstore.Options]
	Logger    *slog.Logger
}

// Open opens the share and looks at it. It completes store. The caller closes the catalogue.
func Open(ctx context.Context, o Options, store backupstore.Options) (*backupstore.Catalog,
	*locate.Share, error) {
	s, err := openShare(ctx, o.Share)
	if err != nil {
		return nil, nil, err
	}
	store.Logger = o.Logger
	store.MemoryFor = o.MemoryFor
	if err := o.keepIn(ctx, s, &store); err != nil {
		s.Root.Close()
		return nil, nil, err
	}
	catalog := backupstore.NewCatalog(s.Root, store)
	if err := catalog.Refresh(ctx); err != nil {
		catalog.Close()
		return nil, nil, err
	}
	for _, err := range catalog.Unread() {
		o.Logger.Warn(err.Error())
	}
	for _, note := range catalog.Notes() {
		o.Logger.Warn(note)
	}
	return catalog, s, nil
}

// keepIn has the catalogue keep in the cache what the next process can use.
func (o Options) keepIn(ctx context.Context, s *locate.Share, store *backupstore.Options) error {
	// In full, as a mount in the background changes its directory.
	sub := func(name string, level slog.Level, without string) (string, error) {
		dir, err := o.Cache.Sub(ctx, s, name, level, without)
		if abs, failed := filepath.Abs(dir); failed == nil && dir != "" {
			dir = abs
		}
		return dir, err
	}
	if o.Indexes {
		var err error
		store.IndexDir, err = sub("index", slog.LevelWarn,
			"indexes cannot be kept: the next run decodes again what this one does")
		if err != nil {
			return err
		}
	}
	// A listing needs no cache, so that one that cannot be used is never its error.
	const without = "what is seen on the share cannot be kept: the next run reads it again"
	dir, err := sub("scanned", slog.LevelInfo, without)
	switch {
	case err != nil && o.Cache.Named:
		o.Logger.Warn(without, "err", err)
	case err != nil:
		o.Logger.Info(without, "err", err)
	case dir != "":
		store.Known = scanned.At(dir, places.InFull(s))
	}
	return nil
}

// WholeShare is the error of a command that had to look at the whole share and could not, or found
// no backups: an empty share must not look like success.
func WholeShare(catalog *backupstore.Catalog, found int) error {
	if err := looked(catalog); err != nil {
		return err
	}
	if found == 0 {
		return None(catalog)
	}
	return nil
}

// None is the error for a share without backups. An unmounted share looks like that.
func None(catalog *backupstore.Catalog) error {
	return fmt.Errorf("no backups on %s: is the share mounted, and is this its directory?", catalog)
}

// looked fails if a part of the share could not be read, which has been logged.
func looked(catalog *backupstore.Catalog) error {
	if len(catalog.Unread()) > 0 {
		return errors.New("not all of the share could be looked at, see above: there may be more " +
			"backups on it")
	}
	return nil
}
