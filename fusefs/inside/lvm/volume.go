package lvm

import (
	"errors"
	"fmt"
	"io"
	"sort"
)

// Volume is a logical volume. Its bytes can be read if Problem is "".
type Volume struct {
	Group, Name string
	Size        int64  // in bytes
	Problem     string // why it cannot be read, as the end of a sentence

	segments []segment
}

// segment is a run of extents of a volume.
type segment struct {
	start, length int64 // in bytes, of the volume
	stripe        int64 // bytes that lie in one piece, if there are several stripes
	stripes       []stripe
}

// stripe is where the bytes of a segment are, or its share of them.
type stripe struct {
	source Source
	off    int64
}

// errOutside is the error for an offset that the volume does not have.
var errOutside = errors.New("it is beyond the end of the logical volume")

// ReadAt implements io.ReaderAt.
func (v *Volume) ReadAt(p []byte, off int64) (n int, err error) {
	if v.Problem != "" {
		return 0, fmt.Errorf("read the logical volume %s/%s: %s", v.Group, v.Name, v.Problem)
	}
	if off < 0 {
		return 0, errOutside
	}
	if off >= v.Size {
		return 0, io.EOF
	}
	if int64(len(p)) > v.Size-off {
		p, err = p[:v.Size-off], io.EOF
	}
	for n < len(p) {
		at := off + int64(n)
		i := sort.Search(len(v.segments), func(i int) bool { return v.segments[i].start > at }) - 1
		source, from, run := v.segments[i].place(at)
		piece := p[n:][:min(int64(len(p)-n), run)]
		got, failed := source.R.ReadAt(piece, from)
		if n += got; got < len(piece) {
			if failed == nil || errors.Is(failed, io.EOF) {
				failed = io.ErrUnexpectedEOF
			}
			return n, failed
		}
	}
	return n, err
}

// place returns where a byte of the volume is, and how many lie there in one piece.
func (s *segment) place(at int64) (source Source, off, run int64) {
	at -= s.start
	if len(s.stripes) == 1 {
		one := s.stripes[0]
		return one.source, one.off + at, s.length - at
	}
	piece, in := at/s.stripe, at%s.stripe
	count := int64(len(s.stripes))
	one := s.stripes[piece%count]
	return one.source, one.off + piece/count*s.stripe + in, s.stripe - in
}
