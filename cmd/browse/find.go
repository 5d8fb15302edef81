package browse

import (
	"context"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/filereport"
	"github.com/restorefs/restorefs/cmd/files"
)

// FindOptions are what the flags of find ask for.
type FindOptions struct {
	Options
	Want         files.Select
	Below        string // a path, "" to look everywhere
	Long, Print0 bool   // what is printed of each: what ls prints, or its path and a NUL
}

// Find finds files in one backup.
func Find(ctx context.Context, o FindOptions) error {
	return opened(ctx, o.Options, func(b *browser, _ *locate.Share) error {
		return b.findFiles(ctx, o)
	})
}

func (b *browser) findFiles(ctx context.Context, o FindOptions) error {
	nodes, err := b.beginnings(o.Below)
	if err != nil {
		return err
	}
	b.notes()
	line := func(n *files.Node) string {
		name := b.disk.Name(n)
		switch {
		case o.Print0:
			return name + "\x00"
		case o.Long:
			return filereport.Long(n, name) + "\n"
		}
		return filereport.Name(name) + "\n"
	}
	listing := files.Listing{Deep: true, Self: true, Select: o.Want}
	return b.list(ctx, nodes, listing, line, "searched")
}
