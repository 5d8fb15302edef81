package rpc

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

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

// Host is a server by name or address. Its name is resolved once: all connections go to the address
// that the first one found, as a name may have several, each of them another server. It is safe for
// concurrent use.
type Host struct {
	name  string
	first chan struct{} // held by whoever connects while no address is known

	mu      sync.Mutex
	address string // the one that connections go to; "": none is known
}

// NewHost returns the host of that name or address.
func NewHost(name string) *Host { return &Host{name: name, first: make(chan struct{}, 1)} }

// String returns the name.
func (h *Host) String() string { return h.name }

// known is the address that connections go to, "" if there is none yet.
func (h *Host) known() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.address
}

// Dialer returns a function that connects to a port of the host: where the last connection went, or
// if that is not possible, wherever its name leads by now.
func (h *Host) Dialer(port int) func(context.Context) (net.Conn, error) {
	service := strconv.Itoa(port)
	return func(ctx context.Context) (net.Conn, error) {
		if known := h.known(); known != "" {
			conn, err := h.again(ctx, net.JoinHostPort(known, service))
			if err == nil || net.ParseIP(h.name) != nil || ctx.Err() != nil {
				return conn, err
			}
			return h.find(ctx, service)
		}
		select {
		case h.first <- struct{}{}:
			defer func() { <-h.first }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if known := h.known(); known != "" {
			return dial(ctx, net.JoinHostPort(known, service))
		}
		return h.find(ctx, service)
	}
}

// again connects to an address that was of use. It leaves time for others.
func (h *Host) again(ctx context.Context, address string) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	return dial(ctx, address)
}

// find connects to the first address of the name that answers, and notes it.
func (h *Host) find(ctx context.Context, service string) (net.Conn, error) {
	conn, err := dial(ctx, net.JoinHostPort(h.name, service))
	if err != nil {
		return nil, err
	}
	if address, _, err := net.SplitHostPort(conn.RemoteAddr().String()); err == nil {
		h.mu.Lock()
		h.address = address
		h.mu.Unlock()
	}
	return conn, nil
}

// dial connects to address. If the process may, it uses a port below 1024, as most exports demand
// ("secure" in exports(5)).
func dial(ctx context.Context, address string) (net.Conn, error) {
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
