package v4

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
	"github.com/restorefs/restorefs/backupstore/share/nfs/rpc"
	"github.com/restorefs/restorefs/backupstore/share/nfs/xdr"
)

const (
	program, version = 100003, 4
	procCompound     = 1

	maxHandle    = 128
	stateIDBytes = 16
	// answerBytes is what an answer has besides the bytes that were read or listed, at most.
	answerBytes = 1 << 10
	// dirBytes is how much of a directory one answer may hold.
	dirBytes = 128 << 10
	// walkNames is how many names one call looks up. Servers allow eight operations at least.
	walkNames = 4
)

// Options say how to reach a server.
type Options struct {
	Host     *rpc.Host
	Port     int    // 0 means 2049
	Minor    uint32 // the minor version, 0 or 1
	Conns    int
	Identity rpc.Identity
	Policy   share.Policy
}

// Client implements proto.Client.
type Client struct {
	minor   uint32
	policy  share.Policy
	rpc     *rpc.Client
	owner   string       // by which the server knows this client
	maxRead atomic.Int64 // what the server says of READs
	maxSent atomic.Int64 // bytes of the longest answer

	mu     sync.Mutex
	now    *session      // nil: there is none
	making chan struct{} // closed when a session has been made, or not; nil: nobody makes one
}

var _ proto.Client = (*Client)(nil)

// New returns a Client. It connects when it is first used.
func New(o Options) *Client {
	if o.Port == 0 {
		o.Port = 2049
	}
	c := &Client{minor: o.Minor, policy: o.Policy, owner: ownerName(), rpc: rpc.New(rpc.Options{
		Dial:  o.Host.Dialer(o.Port),
		Conns: o.Conns, Credential: o.Identity.Credential(), Policy: o.Policy,
		MaxRecord: proto.MaxRead + answerBytes + 1<<10,
	})}
	c.maxRead.Store(proto.MaxRead)
	c.maxSent.Store(proto.MaxRead + answerBytes)
	return c
}

// Version implements proto.Client.
func (c *Client) Version() string { return "4." + strconv.Itoa(int(c.minor)) }

// MaxRead implements proto.Client.
func (c *Client) MaxRead() int {
	return int(min(c.maxRead.Load(), c.maxSent.Load()-answerBytes))
}

// Close implements proto.Client. It takes leave of a server that is there.
func (c *Client) Close() {
	c.leave()
	c.rpc.Close()
}

// Root implements proto.Client.
func (c *Client) Root(ctx context.Context, path string) (n proto.Node, err error) {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	for first := true; first || len(parts) > 0; first = false {
		ops := []op{{code: opPutRootFH}}
		if !first {
			ops[0] = putFH(n.Handle)
		}
		k := min(walkNames, len(parts))
		for _, name := range parts[:k] {
			ops = append(ops, lookup(name))
		}
		parts = parts[k:]
		var known bool
		var maxRead uint64
		ops = append(ops, getFH(&n.Handle), getAttr(rootAttrs, func(d *xdr.Decoder) {
			a := decodeAttrs(d)
			n.Attr, known, maxRead = a.attr, a.known, a.maxRead
		}))
		if err := c.compound(ctx, ops...); err != nil {
			return n, err
		}
		if !known {
			return n, errNoAttributes
		}
		if maxRead > 0 {
			c.maxRead.Store(proto.ReadSize(maxRead))
		}
	}
	return n, nil
}

// Lookup implements proto.Client.
func (c *Client) Lookup(ctx context.Context, dir proto.Handle,
	name string) (n proto.Node, err error) {
	known := false
	err = c.compound(ctx, putFH(dir), lookup(name), getFH(&n.Handle), stat(&n.Attr, &known))
	if err == nil && !known {
		err = errNoAttributes
	}
	return n, err
}

// Attr implements proto.Client.
func (c *Client) Attr(ctx context.Context, h proto.Handle) (a proto.Attr, err error) {
	known := false
	err = c.compound(ctx, putFH(h), stat(&a, &known))
	if err == nil && !known {
		err = errNoAttributes
	}
	return a, err
}

// ReadLink implements proto.Client.
func (c *Client) ReadLink(ctx context.Context, h proto.Handle) (target string, err error) {
	err = c.compound(ctx, putFH(h), op{code: opReadLink, result: func(d *xdr.Decoder) {
		target = d.String(proto.MaxPath, "the target of a link")
	}})
	return target, err
}

// The special stateids (RFC 8881, section 8.2.3): the anonymous one heeds the locks of others, the
// other one does not.
var anonymous, bypass = [stateIDBytes]byte{}, [stateIDBytes]byte(bytes.Repeat([]byte{0xff},
	stateIDBytes))

// Read implements proto.Client. While a server that has started waits for its clients to say what
// they had locked, it may refuse to read past locks that it does not know yet. Nothing that is read
// here depends on a lock, so it is asked to read all the same, which Linux then does.
func (c *Client) Read(ctx context.Context, h proto.Handle, p []byte,
	off int64) (proto.Chunk, error) {
	chunk, err := c.read(ctx, h, p, off, &anonymous)
	if !errors.Is(err, proto.Grace) && !errors.Is(err, proto.Locked) {
		return chunk, err
	}
	past, pastErr := c.read(ctx, h, p, off, &bypass)
	if _, refused := errors.AsType[proto.Status](pastErr); refused {
		return chunk, err
	}
	return past, pastErr
}

func (c *Client) read(ctx context.Context, h proto.Handle, p []byte, off int64,
	state *[stateIDBytes]byte) (chunk proto.Chunk, err error) {
	p = p[:min(len(p), c.MaxRead())]
	err = c.compound(ctx, putFH(h), op{
		code: opRead,
		args: func(e *xdr.Encoder) {
			e.Fixed(state[:])
			e.Uint64(uint64(off))
			e.Uint32(uint32(len(p)))
		},
		result: func(d *xdr.Decoder) {
			chunk.EOF = d.Bool()
			chunk.N = d.Into(p, "what was read")
		},
	}, stat(&chunk.Attr, &chunk.Known))
	return chunk, err
}

// ReadDir implements proto.Client.
func (c *Client) ReadDir(ctx context.Context, dir proto.Handle, from proto.Place) (page proto.Page,
	err error) {
	most := uint32(min(dirBytes, c.maxSent.Load()-answerBytes))
	ops := []op{putFH(dir)}
	var known bool
	var own proto.Attr
	if from == (proto.Place{}) {
		ops = append(ops, stat(&own, &known)) // before it is listed
	}
	err = c.compound(ctx, append(ops, op{
		code: opReadDir,
		args: func(e *xdr.Encoder) {
			e.Uint64(from.Cookie)
			e.Fixed(from.Verifier[:])
			e.Uint32(most/4, most)
			dirAttrs.encode(e)
		},
		result: func(d *xdr.Decoder) { page = decodePage(d) },
	})...)
	page.Dir = own
	return page, err
}

func decodePage(d *xdr.Decoder) (page proto.Page) {
	d.Fixed(page.Next.Verifier[:])
	for d.Bool() {
		page.Next.Cookie = d.Uint64()
		entry := proto.Entry{Name: d.String(proto.MaxName, "a name")}
		a := decodeAttrs(d)
		entry.Node = proto.Node{Handle: a.handle, Attr: a.attr}
		entry.Known = a.known
		if a.status != 0 {
			entry.Err = a.status
		}
		if d.Err() == nil && entry.Name != "." && entry.Name != ".." {
			page.Entries = append(page.Entries, entry)
		}
	}
	page.End = d.Bool()
	return page
}
