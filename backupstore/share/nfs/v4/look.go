package v4

import (
	"context"
	"errors"

	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
)

// Look implements proto.Client, in one call.
func (c *Client) Look(ctx context.Context, from proto.Handle, names []string,
	file string) (dir, of proto.Attr, err error) {
	for len(names) > walkNames {
		n, err := c.Lookup(ctx, from, names[0])
		if err != nil {
			return dir, of, err
		}
		from, names = n.Handle, names[1:]
	}
	ops := []op{putFH(from)}
	for _, name := range names {
		ops = append(ops, lookup(name))
	}
	var dirKnown, fileKnown bool
	ops = append(ops, stat(&dir, &dirKnown))
	if file != "" {
		ops = append(ops, lookup(file), stat(&of, &fileKnown))
	}
	err = c.compound(ctx, ops...)
	switch {
	case dirKnown && !dir.Mode.IsDir():
		return dir, proto.Attr{}, proto.NotDir
	case dirKnown && errors.Is(err, proto.NoEnt):
		return dir, proto.Attr{}, nil
	case err == nil && !dirKnown:
		err = errNoAttributes
	}
	return dir, of, err
}
