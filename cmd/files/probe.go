package files

import (
	"errors"
	"io"
	"slices"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/fusefs/inside"
)

// probe finds out where the contents of a file lie, without reading them: while the disk's reader
// has it, what would be read into its buffer is noted and not read. What a file system reads for
// itself goes elsewhere, and is read.
type probe struct {
	buffer []byte
	at     []backupstore.Range // on the disk, in the order of the file
	bytes  int64
}

func newProbe() *probe { return &probe{buffer: make([]byte, pieceBytes)} }

// owns says whether p is a part of the buffer: both end at the same place then.
func (p *probe) owns(b []byte) bool {
	if cap(b) == 0 {
		return false
	}
	return &b[:cap(b)][cap(b)-1] == &p.buffer[:cap(p.buffer)][cap(p.buffer)-1]
}

func (p *probe) note(off, n int64) {
	p.bytes += n
	if last := len(p.at) - 1; last >= 0 && p.at[last].Off+p.at[last].Len == off {
		p.at[last].Len += n
		return
	}
	p.at = append(p.at, backupstore.Range{Off: off, Len: n})
}

// maxPieces bounds the pieces of a file that are known.
const maxPieces = 1 << 16

// layout is where the contents of a file lie.
type layout struct {
	data []backupstore.Range // in the file
	at   []backupstore.Range // on the disk
}

func (l *layout) equal(other *layout) bool {
	return slices.Equal(l.data, other.data) && slices.Equal(l.at, other.at)
}

// layout returns where the contents of a file lie; nil if that cannot be told: they are in the
// inode, compressed, compared with checksums, or in very many pieces.
func (d *Disk) layout(file inside.File) (*layout, error) {
	if d.probe == nil {
		d.probe = newProbe()
	}
	p := d.probe
	p.at, p.bytes = nil, 0
	d.reader.probe = p
	defer func() { d.reader.probe = nil }()
	out, wanted := &layout{}, int64(0)
	for off := int64(0); ; {
		begin, end, err := file.NextData(off)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(out.data)+len(p.at) > maxPieces {
			return nil, nil
		}
		out.data = append(out.data, backupstore.Range{Off: begin, Len: end - begin})
		for at := begin; at < end; {
			piece := p.buffer[:min(int64(len(p.buffer)), end-at)]
			if _, err := file.ReadAt(piece, at); err != nil && !errors.Is(err, io.EOF) {
				// It may have compared what was not read with a checksum: reading tells.
				return nil, nil
			}
			at += int64(len(piece))
			if p.bytes != wanted+at-begin {
				return nil, nil
			}
		}
		wanted += end - begin
		off = end
	}
	out.at = p.at
	return out, nil
}
