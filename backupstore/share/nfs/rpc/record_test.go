package rpc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
)

// plain puts the fragments of the first record together, in the plainest way.
func plain(wire []byte, limit int) ([]byte, bool) {
	var whole []byte
	for fragments := 0; fragments < maxFragments; fragments++ {
		if len(wire) < 4 {
			return nil, false
		}
		head := binary.BigEndian.Uint32(wire)
		n := int(head &^ lastFragment)
		if wire = wire[4:]; n > len(wire) || len(whole)+n > limit {
			return nil, false
		}
		whole = append(whole, wire[:n]...)
		wire = wire[n:]
		if head&lastFragment != 0 {
			return whole, true
		}
	}
	return nil, false
}

// given is a connection that receives what it was given.
type given struct {
	net.Conn
	r io.Reader
}

func (g given) Read(p []byte) (int, error) { return g.r.Read(p) }

func FuzzRecord(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 3, 1, 2, 3})
	f.Add([]byte{0, 0, 0, 1, 1, 0, 0, 0, 0, 0x80, 0, 0, 2, 2, 3, 9})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, wire []byte) {
		const limit = 1000
		s := &stream{conn: given{r: bytes.NewReader(wire)}, heard: func() {}}
		r := &record{s: s, limit: limit}
		var got []byte
		err := r.begin()
		if err == nil {
			got, err = io.ReadAll(r)
		}
		want, ok := plain(wire, limit)
		if (err == nil) != ok || ok && !bytes.Equal(got, want) {
			t.Errorf("%x, %v, but %x, %v", got, err, want, ok)
		}
	})
}

func TestARecordOfManyFragmentsIsNoRecord(t *testing.T) {
	wire := make([]byte, 4*(maxFragments+10))
	s := &stream{conn: given{r: bytes.NewReader(wire)}, heard: func() {}}
	r := &record{s: s, limit: 1000}
	if _, err := io.ReadAll(r); !errors.Is(err, errFraming) {
		t.Errorf("%v", err)
	}
}
