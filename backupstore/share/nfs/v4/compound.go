package v4

import (
	"context"
	"errors"
	"time"

	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
	"github.com/restorefs/restorefs/backupstore/share/nfs/rpc"
	"github.com/restorefs/restorefs/backupstore/share/nfs/xdr"
)

// The operations that are used (RFC 8881, section 16.2).
const (
	opGetAttr         = 9
	opGetFH           = 10
	opLookup          = 15
	opPutFH           = 22
	opPutRootFH       = 24
	opRead            = 25
	opReadDir         = 26
	opReadLink        = 27
	opExchangeID      = 42
	opCreateSession   = 43
	opDestroySession  = 44
	opSequence        = 53
	opDestroyClientID = 57
	opReclaimComplete = 58
)

// op is an operation of a COMPOUND.
type op struct {
	code   uint32
	args   func(*xdr.Encoder) // nil: it has none
	result func(*xdr.Decoder) // decodes what it gives when it succeeds; nil: nothing
}

func putFH(h proto.Handle) op {
	return op{code: opPutFH, args: func(e *xdr.Encoder) { e.String(string(h)) }}
}

func lookup(name string) op {
	return op{code: opLookup, args: func(e *xdr.Encoder) { e.String(name) }}
}

func getFH(h *proto.Handle) op {
	return op{code: opGetFH, result: func(d *xdr.Decoder) { *h = handle(d) }}
}

func getAttr(which bitmap, result func(*xdr.Decoder)) op {
	return op{code: opGetAttr, args: which.encode, result: result}
}

func stat(a *proto.Attr, known *bool) op {
	return getAttr(statAttrs, func(d *xdr.Decoder) {
		all := decodeAttrs(d)
		*a, *known = all.attr, all.known
	})
}

func handle(d *xdr.Decoder) proto.Handle {
	h := d.String(maxHandle, "a file handle")
	if h == "" {
		d.Malformed("a file handle is empty")
	}
	return proto.Handle(h)
}

var errNoAttributes = errors.New("the server does not tell what kind of file it is")

// encode encodes a COMPOUND.
func encode(minor uint32, ops []op) []byte {
	e := xdr.Encoder{B: make([]byte, 0, 256)}
	e.String("") // the tag
	e.Uint32(minor, uint32(len(ops)))
	for _, o := range ops {
		e.Uint32(o.code)
		if o.args != nil {
			o.args(&e)
		}
	}
	return e.B
}

// decode decodes the answer to a COMPOUND. The error is the status of the operation that failed.
func decode(d *xdr.Decoder, ops []op) error {
	status := proto.Status(d.Uint32())
	d.SkipOpaque(1<<10, "the tag")
	n := d.Count(len(ops), "results")
	for _, o := range ops[:n] {
		code, status := d.Uint32(), proto.Status(d.Uint32())
		switch {
		case d.Err() != nil:
			return d.Err()
		case code != o.code && status == 0:
			d.Malformed("operation %d is answered as %d", o.code, code)
		case status != 0:
			return status
		case o.result != nil:
			o.result(d)
		}
		if d.Err() != nil {
			return d.Err()
		}
	}
	switch {
	case d.Err() != nil:
		return d.Err()
	case status != 0:
		return status
	case n < len(ops):
		d.Malformed("%d of %d operations are answered", n, len(ops))
	}
	return d.Err()
}

// call makes a COMPOUND without a session. until is when it gives up, zero for as long as the
// policy says.
func (c *Client) call(ctx context.Context, until time.Time, ops ...op) error {
	return c.rpc.Call(ctx, rpc.Request{
		Program: program, Version: version, Procedure: procCompound, Args: encode(c.minor, ops),
		Decode: func(d *xdr.Decoder) error { return decode(d, ops) }, Until: until,
	})
}
