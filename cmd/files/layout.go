package files

import (
	"errors"
	"io"
	"slices"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/fusefs/inside"
)

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

// maxPieces bounds the pieces of a file that are known.
const maxPieces = 1 << 16
