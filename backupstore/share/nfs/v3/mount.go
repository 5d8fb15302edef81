package v3

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
	"github.com/restorefs/restorefs/backupstore/share/nfs/rpc"
	"github.com/restorefs/restorefs/backupstore/share/nfs/xdr"
)

const (
	mountProgram = 100005
	mountVersion = 3
	procMount    = 1
	maxFlavors   = 64
)

// mount asks the server's mount daemon for the handle of a directory (RFC 1813, appendix I). The
// daemon's list of clients, which it keeps for showmount(8), is not cared for.
func (c *Client) mount(ctx context.Context, path string) (h proto.Handle, err error) {
	port := c.o.MountPort
	if port == 0 {
		if port, err = rpc.Port(ctx, c.o.Host, mountProgram, mountVersion, c.o.Policy); err != nil {
			return "", err
		}
	}
	m := rpc.New(rpc.Options{
		Dial:       c.o.Host.Dialer(port),
		Credential: c.o.Identity.Credential(), Policy: c.o.Policy,
	})
	defer m.Close()
	var e xdr.Encoder
	e.String(path)
	err = m.Call(ctx, rpc.Request{
		Program: mountProgram, Version: mountVersion, Procedure: procMount, Args: e.B,
		Decode: func(d *xdr.Decoder) error {
			h, err = decodeMount(d)
			return err
		},
	})
	if errors.Is(err, proto.Access) {
		err = fmt.Errorf("%w: the server does not export it to this host, or only to ports below "+
			"1024, which root may use (\"insecure\" in its exports allows others)", err)
	}
	return h, err
}

func decodeMount(d *xdr.Decoder) (proto.Handle, error) {
	if status := proto.Status(d.Uint32()); status != 0 {
		return "", status
	}
	h := handle(d)
	flavors := make([]uint32, d.Count(maxFlavors, "security flavors"))
	for i := range flavors {
		flavors[i] = d.Uint32()
	}
	const none, sys = 0, 1
	if d.Err() == nil && len(flavors) > 0 && !slices.Contains(flavors, sys) &&
		!slices.Contains(flavors, none) {
		return "", proto.WrongSec
	}
	return h, nil
}
