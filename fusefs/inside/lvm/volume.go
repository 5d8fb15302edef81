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
	Elsewhere   bool   // because a part of it lies on another disk

	segments []segment
	thin     bool // it, or what it lies on, is in a pool
}

// failure is why what lies on a volume cannot be read.
func (v *Volume) failure(name string) error {
	err := fmt.Errorf("%s: %s", name, v.Problem)
	if v.Elsewhere {
		return elsewhereError{err}
	}
	return err
}

var errElsewhere = errors.New("a part of it lies on another disk")

// elsewhereError is errElsewhere in other words.
type elsewhereError struct{ error }

func (elsewhereError) Is(target error) bool { return target == errElsewhere }

// segment is a run of extents of a volume.
type segment struct {
	start, length int64 // in bytes, of the volume
	stripe        int64 // bytes that lie in one piece, if there are several stripes
	stripes       []stripe
	thin          *thinDevice // or this
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
		got, failed := v.segments[i].readAt(p[n:], at)
		if n += got; failed != nil {
			return n, failed
		}
	}
	return n, err
}

// readAt reads what lies in one piece. It gives some bytes or an error.
func (s *segment) readAt(p []byte, at int64) (int, error) {
	if s.thin != nil {
		return s.thin.readAt(p[:min(int64(len(p)), s.start+s.length-at)], at-s.start)
	}
	source, from, run := s.place(at)
	p = p[:min(int64(len(p)), run)]
	n, err := source.R.ReadAt(p, from)
	if n == len(p) {
		return n, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
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

// isThin says whether a segment, or what it lies on, is in a pool.
func (s *segment) isThin() bool {
	for _, one := range s.stripes {
		if v, ok := one.source.R.(*Volume); ok && v.thin {
			return true
		}
	}
	return s.thin != nil
}
