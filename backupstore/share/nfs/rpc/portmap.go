package rpc

import (
	"context"
	"fmt"
	"strconv"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/nfs/xdr"
)

// Port asks the port mapper of host (RFC 1833, version 2) where a program listens.
func Port(ctx context.Context, host *Host, program, version uint32, p share.Policy) (int, error) {
	const portmapper, getPort, tcp = 100000, 3, 6
	c := New(Options{Dial: host.Dialer(111), Policy: p})
	defer c.Close()
	var e xdr.Encoder
	e.Uint32(program, version, tcp, 0)
	var port uint32
	err := c.Call(ctx, Request{
		Program: portmapper, Version: 2, Procedure: getPort, Args: e.B,
		Decode: func(d *xdr.Decoder) error {
			port = d.Uint32()
			return nil
		},
	})
	switch {
	case err != nil:
		return 0, fmt.Errorf("ask the port mapper of %s (port 111) for the port of program %d: %w "+
			"(nfsport= and mountport= name ports without it)", host, program, err)
	case port == 0:
		return 0, fmt.Errorf("%w: %s has no program %d, version %d, over TCP",
			ErrNotOffered, host, program, version)
	case port > 65535:
		return 0, fmt.Errorf("the port mapper of %s says port %s", host, strconv.Itoa(int(port)))
	}
	return int(port), nil
}

// ErrNotOffered says that a server has no such service.
var ErrNotOffered = fmt.Errorf("the server does not offer this version of NFS")
