package ntfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"sync"
)

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// stream is the contents of an attribute.
type stream struct {
	n      *inode
	first  attribute
	pieces []listEntry // nil: the first is all of it

	mu    sync.Mutex
	piece int // whose runs are known; -1: none
	known []run
}

// stream opens the contents of an attribute, of which the first piece is given.
func (n *inode) stream(a attribute) *stream {
	s := &stream{n: n, first: a, piece: -1}
	if !a.resident && n.list != nil {
		if s.pieces = n.entries(a.kind, string(a.name)); len(s.pieces) == 1 {
			s.pieces = nil
		}
	}
	return s
}

// open opens the contents of an attribute of a kind and name.
func (n *inode) open(kind uint32, name string) (*stream, error) {
	a, err := n.first(kind, name)
	if err != nil {
		return nil, err
	}
	return n.stream(a), nil
}

// runsAt returns the runs of the piece that has a cluster.
func (s *stream) runsAt(vcn uint64) ([]run, error) {
	i := 0
	if s.pieces != nil {
		i = max(sort.Search(len(s.pieces), func(i int) bool { return s.pieces[i].vcn > vcn })-1, 0)
	}
	s.mu.Lock()
	runs, known := s.known, s.piece == i
	s.mu.Unlock()
	if known {
		return runs, nil
	}
	a, err := s.first, error(nil)
	if s.pieces != nil {
		a, err = s.n.attribute(s.pieces[i])
	}
	if err != nil {
		return nil, err
	}
	if a.resident || s.pieces != nil && a.vcn != s.pieces[i].vcn {
		return nil, corrupt(recordName(s.n.number), "a piece of its contents is not where it says")
	}
	if runs, err = s.n.f.runs(nil, a); err != nil {
		return nil, fmt.Errorf("%s: %w", recordName(s.n.number), err)
	}
	s.mu.Lock()
	s.piece, s.known = i, runs
	s.mu.Unlock()
	return runs, nil
}

// runAt returns the run that has a cluster.
func (s *stream) runAt(vcn uint64) (run, error) {
	runs, err := s.runsAt(vcn)
	if err != nil {
		return run{}, err
	}
	if r, ok := findRun(runs, vcn); ok {
		return r, nil
	}
	return run{}, corrupt(recordName(s.n.number), "nothing says where its cluster %d is", vcn)
}

// readAt fills p from an offset, all of which was written.
func (s *stream) readAt(p []byte, off int64, read func([]byte, int64) error) error {
	for len(p) > 0 {
		size := s.n.f.cluster
		r, err := s.runAt(uint64(off / size))
		if err != nil {
			return err
		}
		in := off - int64(r.vcn)*size
		n := min(int64(len(p)), int64(r.count)*size-in)
		if r.hole() {
			clear(p[:n])
		} else if err := read(p[:n], int64(r.lcn)*size+in); err != nil {
			return err
		}
		p, off = p[n:], off+n
	}
	return nil
}

// meta fills p from an offset, through the cache of the device.
func (s *stream) meta(p []byte, off int64) error {
	if off < 0 || off > s.first.size || int64(len(p)) > s.first.size-off {
		return io.ErrUnexpectedEOF
	}
	if s.first.resident {
		copy(p, s.first.value[off:])
		return nil
	}
	written := max(min(s.first.initialized-off, int64(len(p))), 0)
	clear(p[written:])
	return s.readAt(p[:written], off, s.n.f.dev.Meta)
}

// small returns all of the contents of an attribute that is not in pieces.
func (f *FS) small(a attribute, most int64) ([]byte, error) {
	if a.size > most {
		return nil, fmt.Errorf("it has %d bytes, more than there may be", a.size)
	}
	if a.resident {
		return a.value, nil
	}
	b := make([]byte, a.size)
	return b, (&stream{n: &inode{f: f}, first: a, piece: -1}).meta(b, 0)
}
