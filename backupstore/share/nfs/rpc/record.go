package rpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
)

const (
	bufferBytes = 64 << 10
	// headBytes suffices for an answer to READ up to its data, which is then received to where it
	// belongs and not copied.
	headBytes = 256
	// straightBytes is from which length data is received to where it belongs.
	straightBytes = 4 << 10
	maxFragments  = 1 << 12 // of one record
	lastFragment  = 1 << 31
)

var (
	// errAbandoned ends the decoding of an answer for which nobody waits any more.
	errAbandoned = errors.New("nobody waits for this answer")
	// errFraming says that the server does not send records.
	errFraming = errors.New("the server does not speak RPC over TCP, or speaks it wrongly")
)

// stream buffers what a connection receives. Large reads do not go through the buffer.
type stream struct {
	conn net.Conn
	// interrupted is called when a read was interrupted by a deadline. It returns an error if the
	// read is not to go on.
	interrupted func() error
	heard       func() // called when something was received
	buf         []byte // what was received and not yet read
	next        int    // bytes to receive into space at once
	space       [bufferBytes]byte
}

// Read implements io.Reader. With an error it may have read something all the same.
func (s *stream) Read(p []byte) (int, error) {
	if len(s.buf) == 0 {
		if len(p) >= straightBytes {
			s.next = headBytes // the next answer is probably of the same kind
			return s.receive(p)
		}
		n, err := s.receive(s.space[:max(headBytes, s.next)])
		if n == 0 {
			return 0, err
		}
		s.buf = s.space[:n]
		s.next = len(s.space)
	}
	n := copy(p, s.buf)
	s.buf = s.buf[n:]
	return n, nil
}

func (s *stream) receive(p []byte) (int, error) {
	for {
		n, err := s.conn.Read(p)
		if n > 0 {
			s.heard()
			return n, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if err := s.interrupted(); err != nil {
			return 0, err
		}
	}
}

// record is one message: the fragments of RFC 5531, section 11, put together.
type record struct {
	s         *stream
	limit     int // bytes that the record may still have
	left      int // of the present fragment
	head      [4]byte
	have      int // bytes of head: an abandoned answer may end in the middle of it
	fragments int
	last      bool
	broken    error // what went wrong with the connection, in contrast to the message
	abandoned func() bool
}

// begin reads the header of the first fragment. io.EOF means that there is no other record.
func (r *record) begin() error {
	err := r.fragment()
	if err == io.ErrUnexpectedEOF && r.have == 0 {
		err = io.EOF
	}
	return err
}

// fragment reads the header of a fragment. After errAbandoned it can be called again.
func (r *record) fragment() error {
	for r.have < len(r.head) {
		n, err := r.s.Read(r.head[r.have:])
		r.have += n
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return r.fail(err)
		}
	}
	n := binary.BigEndian.Uint32(r.head[:])
	r.have = 0
	r.last = n&lastFragment != 0
	r.left = int(n &^ lastFragment)
	r.fragments++
	if r.left > r.limit {
		return r.fail(fmt.Errorf("%w: an answer is longer than anything that was asked for",
			errFraming))
	}
	if r.fragments > maxFragments {
		return r.fail(fmt.Errorf("%w: an answer has more than %d fragments", errFraming,
			maxFragments))
	}
	r.limit -= r.left
	return nil
}

// fail notes that the connection is of no use any more, unless err is errAbandoned.
func (r *record) fail(err error) error {
	if !errors.Is(err, errAbandoned) {
		r.broken = err
	}
	return err
}

// Read implements io.Reader; io.EOF is the end of the record.
func (r *record) Read(p []byte) (int, error) {
	if r.broken != nil {
		return 0, r.broken
	}
	if r.abandoned != nil && r.abandoned() {
		return 0, errAbandoned
	}
	for r.left == 0 {
		if r.last {
			return 0, io.EOF
		}
		if err := r.fragment(); err != nil {
			return 0, err
		}
	}
	if len(p) > r.left {
		p = p[:r.left]
	}
	n, err := r.s.Read(p)
	r.left -= n
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		err = r.fail(err)
	}
	return n, err
}

// discard passes over the rest of the record.
func (r *record) discard() error {
	r.abandoned = nil
	var sink [4 << 10]byte
	for {
		if _, err := r.Read(sink[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
