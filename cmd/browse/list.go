package browse

import (
	"context"

	"github.com/restorefs/restorefs/cmd/filereport"
	"github.com/restorefs/restorefs/cmd/files"
)

// list gives the files of trees to a listing, or writes them as JSON.
func (b *browser) list(
	ctx context.Context,
	nodes []*files.Node,
	listing files.Listing,
	done string,
) (err error) {
	end := b.gather()
	defer func() {
		if failed := end(); err == nil {
			err = failed
		}
	}()
	var out *filereport.List
	if b.json {
		if out, err = filereport.NewList(b.out, b.backup, b.disk); err != nil {
			return err
		}
		listing.Found = out.Add
		listing.Failed = func(path string, err error) {
			b.told(path, err)
			out.Fail(path, err)
		}
	}
	for _, n := range nodes {
		if err := listing.List(ctx, n); err != nil {
			return err
		}
	}
	if out != nil {
		if err := out.End(); err != nil {
			return err
		}
	}
	return b.result(done)
}
