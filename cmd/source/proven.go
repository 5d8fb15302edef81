package source

import (
	"context"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/proven"
)

// Proven returns what verify has found out, as far as it was kept; it may be nil, which is a Book
// that knows nothing.
func Proven(r places.Record) (*proven.Book, error) {
	dir, err := r.Existing()
	if err != nil || dir == "" {
		return nil, err
	}
	return opened(r, dir)
}

// Keeping is Proven for a command that adds to it.
func Keeping(ctx context.Context, r places.Record, s *locate.Share) (*proven.Book, error) {
	dir, err := r.Make(ctx, s)
	if err != nil || dir == "" {
		return nil, err
	}
	return opened(r, dir)
}

// opened opens the Book of a directory. One that nobody has named and that cannot be read is
// logged.
func opened(r places.Record, dir string) (*proven.Book, error) {
	book, err := proven.Open(dir)
	if err != nil && !r.Named {
		r.Logger.Warn(err.Error())
		return nil, nil
	}
	return book, err
}
