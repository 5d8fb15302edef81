package v3

import (
	"context"
	"errors"

	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
)

// Look implements proto.Client, with a call for each name.
func (c *Client) Look(ctx context.Context, from proto.Handle, names []string,
	file string) (dir, of proto.Attr, err error) {
	at := proto.Node{Handle: from}
	if len(names) == 0 {
		at.Attr, err = c.Attr(ctx, from)
	}
	for _, name := range names {
		if at, err = c.Lookup(ctx, at.Handle, name); err != nil {
			break
		}
	}
	switch {
	case err != nil:
		return dir, of, err
	case !at.Attr.Mode.IsDir():
		return dir, of, proto.NotDir
	case file == "":
		return at.Attr, of, nil
	}
	n, err := c.Lookup(ctx, at.Handle, file)
	if errors.Is(err, proto.NoEnt) {
		return at.Attr, of, nil
	}
	return at.Attr, n.Attr, err
}
