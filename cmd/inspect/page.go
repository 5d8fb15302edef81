package inspect

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/sharepage"
	"github.com/restorefs/restorefs/cmd/source"
)

// PageOptions are what the flags of report ask for.
type PageOptions struct {
	Source  source.Options
	File    places.Result
	Record  places.Record
	Version string // of the program
}

// Page writes the page about a share.
func Page(ctx context.Context, o PageOptions) error {
	catalog, share, err := source.Open(ctx, o.Source, backupstore.Options{})
	if err != nil {
		return err
	}
	defer catalog.Close()
	if err := o.File.Check(ctx, share); err != nil {
		return err
	}
	book, err := source.Proven(o.Record)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	err = sharepage.Write(&page, sharepage.Input{
		Share: share.Place(), Version: o.Version, Now: time.Now(), Backups: catalog.Backups(),
		Proven: book, Unread: catalog.Unread(),
	})
	if err != nil {
		return err
	}
	return errors.Join(o.File.Write(page.Bytes()),
		source.WholeShare(catalog, len(catalog.Backups())))
}
