package rpc

import (
	"net"
	"testing"
)

// localhost is 127.0.0.1, and mostly ::1 too, where nothing listens here.
func TestAllConnectionsOfAHostGoWhereTheFirstOneWent(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	h := NewHost("localhost")
	dial := h.Dialer(ln.Addr().(*net.TCPAddr).Port)
	connect := func() {
		t.Helper()
		conn, err := dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if h.known() != "127.0.0.1" {
			t.Errorf("it is known at %q", h.known())
		}
	}
	connect()
	h.name = "other.invalid"
	connect() // without the name
	h.name, h.address = "localhost", "127.0.0.77"
	connect() // by the name, as nothing is there any more
}

func TestAHostThatIsAnAddressIsNotLookedForElsewhere(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dial := NewHost("127.0.0.1").Dialer(ln.Addr().(*net.TCPAddr).Port)
	conn, err := dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	ln.Close()
	if _, err := dial(t.Context()); err == nil {
		t.Error("there is a connection to nothing")
	}
}
