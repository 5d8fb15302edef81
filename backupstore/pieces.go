package backupstore

import "iter"

// rowGrid is the layout of digest rows: row i covers the block of block bytes at i*block, and the
// last one only what is before end. The zero value has no rows.
type rowGrid struct {
	block int64 // bytes
	end   int64 // volume offset after the last byte that a row covers
}

// covers returns of how many bytes of its block row i is the digest.
func (g rowGrid) covers(i int64) int64 { return min(g.block, g.end-i*g.block) }

// proof is what proves a piece of a volume.
type proof uint8

const (
	byAbsence proof = iota // no object has a byte of it: it is zero
	byRow                  // a digest row
	byMD5                  // the MD5 of its object
)

// piece is a range [off, end) of a volume that is proven in one way.
type piece struct {
	off, end int64
	by       proof
	// For byRow: the row, and of how many bytes from the start of its block it is the digest. No
	// object has bytes of the piece after these.
	row    int64
	covers int64
	object int // for byMD5: index into Volume.objects
}

// pieceAt returns the first piece of [off, end), which must not be empty. A piece that is proven by
// a row is one block: all of it, even if the row covers less, unless an object has bytes after
// those. A piece that is proven by MD5 is in one extent.
//
// This is the only place that knows what proves which byte. It needs no I/O: its callers find out
// whether a row cannot be read, or says zero.
func pieceAt(extents []extent, rows rowGrid, off, end int64) piece {
	if rows.block > 0 && off < (rows.end+rows.block-1)/rows.block*rows.block {
		i := off / rows.block
		covers, stop := rows.covers(i), (i+1)*rows.block
		if covers < rows.block && hasExtent(extents, rows.end, stop) {
			stop = rows.end
		}
		if off < stop {
			return piece{off: off, end: min(stop, end), by: byRow, row: i, covers: covers}
		}
	}
	es := from(extents, off)
	switch {
	case len(es) == 0 || es[0].off >= end:
		return piece{off: off, end: end}
	case es[0].off > off:
		return piece{off: off, end: es[0].off}
	}
	return piece{off: off, end: min(es[0].end, end), by: byMD5, object: es[0].object}
}

// pieces splits [off, end) of the volume by what proves its bytes, in order.
func (v *Volume) pieces(off, end int64) iter.Seq[piece] {
	return func(yield func(piece) bool) {
		for off < end {
			p := v.pieceAt(off, end)
			if !yield(p) {
				return
			}
			off = p.end
		}
	}
}

// pieceAt returns the first piece of [off, end) of the volume.
func (v *Volume) pieceAt(off, end int64) piece {
	return pieceAt(v.extents, v.grid(), off, end)
}
