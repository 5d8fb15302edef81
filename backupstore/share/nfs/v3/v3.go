// Package v3 speaks NFS version 3 and the mount protocol (RFC 1813), as far as reading needs them.
// No procedure that changes anything is in it.
package v3

import (
	"context"
	"errors"
	"io/fs"
	"sync/atomic"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
	"github.com/restorefs/restorefs/backupstore/share/nfs/rpc"
	"github.com/restorefs/restorefs/backupstore/share/nfs/xdr"
)

const (
	program, version = 100003, 3

	procGetAttr     = 1
	procLookup      = 3
	procReadLink    = 5
	procRead        = 6
	procReadDir     = 16
	procReadDirPlus = 17
	procFSInfo      = 19

	maxHandle = 64

	// answerBytes is what an answer has besides the bytes that were read or listed, at most.
	answerBytes = 4 << 10
	// dirBytes is how much of a directory one answer may hold.
	dirBytes = 128 << 10
)

// Options say how to reach a server.
type Options struct {
	Host               *rpc.Host
	NFSPort, MountPort int // 0: the port mapper is asked
	Conns              int
	Identity           rpc.Identity
	Policy             share.Policy
}

// Client implements proto.Client.
type Client struct {
	o       Options
	rpc     *rpc.Client
	maxRead atomic.Int64
	noPlus  atomic.Bool // the server has no READDIRPLUS
}

var _ proto.Client = (*Client)(nil)

// Dial finds the server's ports and returns a Client. It is usable once Root has been called.
func Dial(ctx context.Context, o Options) (*Client, error) {
	port := o.NFSPort
	if port == 0 {
		var err error
		if port, err = rpc.Port(ctx, o.Host, program, version, o.Policy); err != nil {
			return nil, err
		}
	}
	c := &Client{o: o, rpc: rpc.New(rpc.Options{
		Dial:  o.Host.Dialer(port),
		Conns: o.Conns, Credential: o.Identity.Credential(), Policy: o.Policy,
		MaxRecord: proto.MaxRead + answerBytes,
	})}
	c.maxRead.Store(32 << 10)
	return c, nil
}

// Version implements proto.Client.
func (c *Client) Version() string { return "3" }

// MaxRead implements proto.Client.
func (c *Client) MaxRead() int { return int(c.maxRead.Load()) }

// Close implements proto.Client.
func (c *Client) Close() { c.rpc.Close() }

func (c *Client) call(ctx context.Context, procedure uint32, e *xdr.Encoder,
	decode func(*xdr.Decoder) error) error {
	return c.rpc.Call(ctx, rpc.Request{
		Program: program, Version: version, Procedure: procedure, Args: e.B, Decode: decode,
	})
}

// Root implements proto.Client. It asks the mount protocol for the handle.
func (c *Client) Root(ctx context.Context, path string) (proto.Node, error) {
	h, err := c.mount(ctx, path)
	if err != nil {
		return proto.Node{}, err
	}
	if err := c.limits(ctx, h); err != nil {
		return proto.Node{}, err
	}
	a, err := c.Attr(ctx, h)
	return proto.Node{Handle: h, Attr: a}, err
}

// limits asks how large a READ may be.
func (c *Client) limits(ctx context.Context, root proto.Handle) error {
	var e xdr.Encoder
	e.String(string(root))
	var most, preferred uint32
	err := c.call(ctx, procFSInfo, &e, func(d *xdr.Decoder) error {
		status := proto.Status(d.Uint32())
		postOpAttr(d)
		if status != 0 {
			return status
		}
		most, preferred = d.Uint32(), d.Uint32()
		return nil
	})
	if err != nil {
		return err
	}
	if most == 0 {
		most = preferred
	}
	if most > 0 {
		c.maxRead.Store(proto.ReadSize(uint64(most)))
	}
	return nil
}

// Attr implements proto.Client.
func (c *Client) Attr(ctx context.Context, h proto.Handle) (a proto.Attr, err error) {
	var e xdr.Encoder
	e.String(string(h))
	err = c.call(ctx, procGetAttr, &e, func(d *xdr.Decoder) error {
		if status := proto.Status(d.Uint32()); status != 0 {
			return status
		}
		a = attr(d)
		return nil
	})
	return a, err
}

// Lookup implements proto.Client.
func (c *Client) Lookup(ctx context.Context, dir proto.Handle,
	name string) (n proto.Node, err error) {
	var e xdr.Encoder
	e.String(string(dir))
	e.String(name)
	known := false
	err = c.call(ctx, procLookup, &e, func(d *xdr.Decoder) error {
		n, known, err = decodeLookup(d)
		return err
	})
	if err == nil && !known {
		n.Attr, err = c.Attr(ctx, n.Handle)
	}
	return n, err
}

func decodeLookup(d *xdr.Decoder) (n proto.Node, known bool, err error) {
	status := proto.Status(d.Uint32())
	if status != 0 {
		return n, false, status
	}
	n.Handle = handle(d)
	n.Attr, known = postOpAttr(d)
	return n, known, nil
}

// ReadLink implements proto.Client.
func (c *Client) ReadLink(ctx context.Context, h proto.Handle) (target string, err error) {
	var e xdr.Encoder
	e.String(string(h))
	err = c.call(ctx, procReadLink, &e, func(d *xdr.Decoder) error {
		status := proto.Status(d.Uint32())
		postOpAttr(d)
		if status != 0 {
			return status
		}
		target = d.String(proto.MaxPath, "the target of a link")
		return nil
	})
	return target, err
}

// Read implements proto.Client.
func (c *Client) Read(ctx context.Context, h proto.Handle, p []byte, off int64) (chunk proto.Chunk,
	err error) {
	p = p[:min(len(p), c.MaxRead())]
	var e xdr.Encoder
	e.String(string(h))
	e.Uint64(uint64(off))
	e.Uint32(uint32(len(p)))
	err = c.call(ctx, procRead, &e, func(d *xdr.Decoder) error {
		chunk, err = decodeRead(d, p)
		return err
	})
	return chunk, err
}

func decodeRead(d *xdr.Decoder, p []byte) (chunk proto.Chunk, err error) {
	status := proto.Status(d.Uint32())
	chunk.Attr, chunk.Known = postOpAttr(d)
	if status != 0 {
		return chunk, status
	}
	count := d.Uint32()
	chunk.EOF = d.Bool()
	chunk.N = d.Into(p, "what was read")
	if d.Err() == nil && int64(count) != int64(chunk.N) {
		d.Malformed("a READ says that it has %d bytes and has %d", count, chunk.N)
	}
	return chunk, nil
}

// ReadDir implements proto.Client. What a listing says of the directory itself is from after it was
// read (RFC 1813, 3.3.16 and 3.3.17), so that is asked for before.
func (c *Client) ReadDir(ctx context.Context, dir proto.Handle, from proto.Place) (page proto.Page,
	err error) {
	var own proto.Attr
	if from == (proto.Place{}) {
		if own, err = c.Attr(ctx, dir); err != nil {
			return page, err
		}
	}
	page, err = c.readPage(ctx, dir, from)
	page.Dir = own
	return page, err
}

func (c *Client) readPage(ctx context.Context, dir proto.Handle, from proto.Place) (page proto.Page,
	err error) {
	if !c.noPlus.Load() {
		page, err = c.readDir(ctx, procReadDirPlus, dir, from)
		if !isUnsupported(err) {
			return page, err
		}
		c.noPlus.Store(true)
	}
	return c.readDir(ctx, procReadDir, dir, from)
}

func isUnsupported(err error) bool {
	if errors.Is(err, proto.NotSupp) {
		return true
	}
	var r *rpc.Rejection
	return errors.As(err, &r) && r.Reason == rpc.ProcedureUnavailable
}

func (c *Client) readDir(ctx context.Context, proc uint32, dir proto.Handle,
	from proto.Place) (page proto.Page, err error) {
	plus := proc == procReadDirPlus
	var e xdr.Encoder
	e.String(string(dir))
	e.Uint64(from.Cookie)
	e.Fixed(from.Verifier[:])
	if plus {
		e.Uint32(dirBytes / 4) // of names alone
	}
	e.Uint32(dirBytes)
	err = c.call(ctx, proc, &e, func(d *xdr.Decoder) error {
		page, err = decodeReadDir(d, plus)
		return err
	})
	return page, err
}

func decodeReadDir(d *xdr.Decoder, plus bool) (page proto.Page, err error) {
	status := proto.Status(d.Uint32())
	postOpAttr(d)
	if status != 0 {
		return page, status
	}
	d.Fixed(page.Next.Verifier[:])
	for d.Bool() {
		var entry proto.Entry
		d.Uint64() // fileid
		entry.Name = d.String(proto.MaxName, "a name")
		page.Next.Cookie = d.Uint64()
		if plus {
			entry.Node.Attr, entry.Known = postOpAttr(d)
			if d.Bool() {
				entry.Node.Handle = handle(d)
			}
		}
		if d.Err() == nil && entry.Name != "." && entry.Name != ".." {
			page.Entries = append(page.Entries, entry)
		}
	}
	page.End = d.Bool()
	return page, nil
}

func handle(d *xdr.Decoder) proto.Handle {
	h := d.String(maxHandle, "a file handle")
	if h == "" {
		d.Malformed("a file handle is empty")
	}
	return proto.Handle(h)
}

// postOpAttr reads attributes that a server may leave out.
func postOpAttr(d *xdr.Decoder) (a proto.Attr, known bool) {
	if !d.Bool() {
		return a, false
	}
	a = attr(d)
	return a, d.Err() == nil
}

// attr reads a fattr3 (RFC 1813, section 2.6).
func attr(d *xdr.Decoder) (a proto.Attr) {
	a.Mode = mode(d.Uint32())
	d.Skip(4 * 4) // mode, nlink, uid, gid
	size := d.Uint64()
	d.Skip(8 + 8) // used, rdev
	a.Stamp.Device = d.Uint64()
	a.Stamp.Inode = d.Uint64()
	d.Skip(8) // atime
	a.Stamp.Modified = nanos(d)
	a.Stamp.Changed = nanos(d)
	if a.Stamp.Size = int64(size); a.Stamp.Size < 0 {
		d.Malformed("a file has %d bytes", size)
	}
	return a
}

func nanos(d *xdr.Decoder) int64 {
	seconds, n := d.Uint32(), d.Uint32()
	return int64(seconds)*1e9 + int64(n)
}

// mode is the type of an ftype3.
func mode(t uint32) fs.FileMode {
	switch t {
	case 1:
		return 0
	case 2:
		return fs.ModeDir
	case 5:
		return fs.ModeSymlink
	}
	return fs.ModeIrregular
}
