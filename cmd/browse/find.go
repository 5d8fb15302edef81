package browse

import (
	"context"
	"fmt"

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
	listing := files.Listing{
		Deep:   true,
		Self:   true,
		Select: o.Want,
		Failed: b.told,
		Found: func(n *files.Node) error {
			name := b.disk.Name(n)
			switch {
			case o.Print0:
				_, err := fmt.Fprint(b.out, name, "\x00")
				return err
			case o.Long:
				_, err := fmt.Fprintln(b.out, filereport.Long(n, name))
				return err
			}
			_, err := fmt.Fprintln(b.out, filereport.Name(name))
			return err
		},
	}
	return b.list(ctx, nodes, listing, "searched")
}
