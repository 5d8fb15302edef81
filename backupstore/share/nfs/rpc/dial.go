package rpc

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"syscall"

	"github.com/restorefs/restorefs/backupstore/share/nfs/xdr"
)

// Identity is whom a server is told that its client is: AUTH_SYS (RFC 5531, appendix A).
type Identity struct {
	UID, GID uint32
	GIDs     []uint32 // 16 at most are told
}

// maxGroups is how many groups AUTH_SYS has room for.
const maxGroups = 16

// Self is the identity of this process.
func Self() Identity {
	id := Identity{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	groups, _ := os.Getgroups()
	for _, g := range groups {
		id.GIDs = append(id.GIDs, uint32(g))
	}
	return id
}

// Credential encodes the identity.
func (id Identity) Credential() []byte {
	const authSys = 1
	gids := id.GIDs[:min(len(id.GIDs), maxGroups)]
	name, _ := os.Hostname()
	var body, e xdr.Encoder
	body.Uint32(0) // a stamp, which means nothing
	body.String(name[:min(len(name), 255)])
	body.Uint32(id.UID, id.GID, uint32(len(gids)))
	body.Uint32(gids...)
	e.Uint32(authSys)
	e.Opaque(body.B)
	return e.B
}

// Dialer returns a function that connects to address. If the process may, it uses a port below
// 1024, as most exports demand ("secure" in exports(5)).
func Dialer(address string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		const first, last = 665, 1023 // as the kernel's client
		for range 20 {
			port := first + rand.IntN(last-first+1)
			d := net.Dialer{LocalAddr: &net.TCPAddr{Port: port}}
			conn, err := d.DialContext(ctx, "tcp", address)
			switch {
			case errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EADDRNOTAVAIL):
				continue
			case errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM):
			default:
				return conn, err
			}
			break
		}
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
}
