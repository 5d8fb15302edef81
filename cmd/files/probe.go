package files

import "github.com/restorefs/restorefs/backupstore"

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
