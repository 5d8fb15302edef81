package btrfs

import (
	"errors"
	"math"
)

// Kinds of extents of a file.
const (
	extentInline   = 0
	extentRegular  = 1
	extentReserved = 2 // it was never written
	extentHead     = 21
	extentBytes    = 53
)

// extent is a piece of a file.
type extent struct {
	begin, end  int64 // in the file
	hole        bool
	compression uint8
	inline      []byte // its bytes, if it has them
	ram         int64  // bytes of what it is a part of, when that is decompressed
	logical     uint64 // where that is
	length      int64  // how many bytes that has there
	offset      int64  // where in it this begins
}

// extentAt returns the piece of a file that an offset lies in: what is between two pieces is
// a hole.
func (n *inode) extentAt(off int64) (extent, error) {
	k := key{n.object, kindExtent, uint64(off)}
	it, err := n.f.before(n.sub.root, k)
	begin := int64(0)
	switch {
	case err == nil && it.object == n.object && it.kind == kindExtent:
		e, err := n.parseExtent(it)
		if err != nil || off < e.end {
			return e, err
		}
		begin = e.end
	case err != nil && !errors.Is(err, errNoItem):
		return extent{}, err
	}
	hole := extent{begin: begin, end: math.MaxInt64, hole: true}
	k.offset++
	c, ok, err := n.f.seek(n.sub.root, k)
	if err != nil {
		return extent{}, err
	}
	if ok {
		if it := c.item(); it.object == n.object && it.kind == kindExtent {
			if it.offset > math.MaxInt64 {
				return extent{}, corrupt(n.name(), "it has something at byte %d", it.offset)
			}
			hole.end = int64(it.offset)
		}
	}
	return hole, nil
}

// parseExtent reads an item that says where a piece of a file is.
func (n *inode) parseExtent(it item) (e extent, err error) {
	b := it.data
	if len(b) < extentHead || it.offset > math.MaxInt64 {
		return e, corrupt(n.name(), "an extent of %d bytes at byte %d", len(b), it.offset)
	}
	e = extent{begin: int64(it.offset), ram: int64(le.Uint64(b[8:])), compression: b[16]}
	if b[17] != 0 || le.Uint16(b[18:]) != 0 || e.compression > maxCompression {
		return e, corrupt(n.name(), "an extent that is encoded in a way that is not known")
	}
	if e.ram < 0 || e.compression != 0 && e.ram > maxExtent {
		return e, corrupt(n.name(), "an extent that would have %d bytes", uint64(e.ram))
	}
	if b[20] == extentInline {
		e.inline = b[extentHead:]
		if e.compression == 0 && int64(len(e.inline)) < e.ram || e.ram > maxExtent || e.ram == 0 {
			return e, corrupt(n.name(), "%d bytes for an extent of %d", len(e.inline), e.ram)
		}
		e.end = e.begin + e.ram
		return e, n.checkEnd(e)
	}
	if len(b) < extentBytes || b[20] > extentReserved {
		return e, corrupt(n.name(), "an extent of the type %d", b[20])
	}
	length := int64(le.Uint64(b[45:]))
	e.logical, e.length = le.Uint64(b[21:]), int64(le.Uint64(b[29:]))
	e.offset, e.end = int64(le.Uint64(b[37:])), e.begin+length
	e.hole = e.logical == 0 || b[20] == extentReserved
	if e.hole {
		e.offset = 0
	}
	whole := e.length
	if e.compression != 0 {
		whole = e.ram
	}
	if length <= 0 || !e.hole && (e.length <= 0 || e.offset < 0 || e.offset > whole ||
		length > whole-e.offset || e.compression != 0 && e.length > maxExtent ||
		e.length%n.f.sector != 0 || e.logical%uint64(n.f.sector) != 0 ||
		e.compression == 0 && e.offset%n.f.sector != 0) {
		return e, corrupt(n.name(), "an extent of %d bytes, from %d on of %d", length,
			e.offset, whole)
	}
	return e, n.checkEnd(e)
}

func (n *inode) checkEnd(e extent) error {
	if e.end <= e.begin {
		return corrupt(n.name(), "an extent from byte %d to %d", e.begin, e.end)
	}
	return nil
}
