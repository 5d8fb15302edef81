package v4

import (
	"bytes"
	"io/fs"
	"math/bits"

	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
	"github.com/restorefs/restorefs/backupstore/share/nfs/xdr"
)

// The attributes that are asked for (RFC 8881, section 5).
const (
	attrType         = 1
	attrChange       = 3
	attrSize         = 4
	attrFSID         = 8
	attrError        = 11
	attrHandle       = 19
	attrFileID       = 20
	attrMaxRead      = 30
	attrTimeMetadata = 52
	attrTimeModify   = 53

	maxWords      = 8       // of a bitmap
	maxAttrsBytes = 4 << 10 // of one file
)

// bitmap says which attributes are meant.
type bitmap []uint32

func bitmapOf(attrs ...int) bitmap {
	b := make(bitmap, 2)
	for _, a := range attrs {
		b[a/32] |= 1 << (a % 32)
	}
	return b
}

func (b bitmap) encode(e *xdr.Encoder) {
	e.Uint32(uint32(len(b)))
	e.Uint32(b...)
}

var (
	statAttrs = bitmapOf(attrType, attrChange, attrSize, attrFSID, attrFileID, attrTimeMetadata,
		attrTimeModify)
	rootAttrs = bitmapOf(attrType, attrChange, attrSize, attrFSID, attrFileID, attrMaxRead,
		attrTimeMetadata,
		attrTimeModify)
	dirAttrs = bitmapOf(attrType, attrChange, attrSize, attrFSID, attrError, attrHandle, attrFileID,
		attrTimeMetadata, attrTimeModify)
)

// attrs is what a server tells of a file.
type attrs struct {
	attr    proto.Attr
	known   bool // attr has its type and is of use
	handle  proto.Handle
	status  proto.Status // why nothing is told; 0: no reason
	maxRead uint64
}

// decodeAttrs reads a fattr4. A server may leave attributes out, and may not add any.
func decodeAttrs(d *xdr.Decoder) (a attrs) {
	words := make(bitmap, d.Count(maxWords, "words of attributes"))
	for i := range words {
		words[i] = d.Uint32()
	}
	values := d.Opaque(maxAttrsBytes, "attributes")
	if d.Err() != nil {
		return a
	}
	r := bytes.NewReader(values)
	in := xdr.NewDecoder(r)
	for i, word := range words {
		for ; word != 0; word &= word - 1 {
			a.decode(in, i*32+bits.TrailingZeros32(word))
		}
	}
	if in.Err() != nil {
		d.Fail(in.Err())
	} else if r.Len() > 0 {
		d.Malformed("attributes have %d bytes too many", r.Len())
	}
	if a.status != 0 {
		a.known = false
	}
	return a
}

// decode reads one attribute.
func (a *attrs) decode(d *xdr.Decoder, attr int) {
	st := &a.attr.Stamp
	switch attr {
	case attrType:
		a.attr.Mode, a.known = mode(d.Uint32()), true
	case attrChange:
		st.Change = d.Uint64()
	case attrSize:
		if st.Size = int64(d.Uint64()); st.Size < 0 {
			d.Malformed("a file is too large")
		}
	case attrFSID:
		major, minor := d.Uint64(), d.Uint64()
		st.Device = bits.RotateLeft64(major, 32) ^ minor
	case attrError:
		a.status = proto.Status(d.Uint32())
	case attrHandle:
		a.handle = handle(d)
	case attrFileID:
		st.Inode = d.Uint64()
	case attrMaxRead:
		a.maxRead = d.Uint64()
	case attrTimeMetadata:
		st.Changed = nanos(d)
	case attrTimeModify:
		st.Modified = nanos(d)
	default:
		d.Malformed("attribute %d was not asked for", attr)
	}
}

func nanos(d *xdr.Decoder) int64 {
	seconds, n := int64(d.Uint64()), d.Uint32()
	return seconds*1e9 + int64(n)
}

// mode is the type of an nfs_ftype4.
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
