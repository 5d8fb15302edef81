package nfs

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
)

func TestASessionThatTheServerForgotIsMadeAnew(t *testing.T) {
	server := newFakeServer(t)
	data := random(1 << 20)
	server.put("object", 1, data)
	server.set(func() { server.most41 = 100 << 10 }) // READs must fit into what the session allows
	s := mustOpen(t, server.url("version=4.1"), Options{ReadAhead: -1})
	f := mustOpenFile(t, s, "object")
	for range 5 {
		got := make([]byte, len(data))
		if _, err := f.ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, data) {
			t.Fatal(err)
		}
		server.forgetSessions()
	}
	if n := server.count("op 43"); n != 5 {
		t.Errorf("%d sessions", n)
	}
}

// A server that is killed while it answers knows no session when it is back.
func TestASessionThatIsForgottenInTheMiddleOfAnAnswer(t *testing.T) {
	server := newFakeServer(t)
	data := random(256 << 10)
	server.put("object", 1, data)
	s := mustOpen(t, server.url("version=4.1"), Options{ReadAhead: -1})
	f := mustOpenFile(t, s, "object")
	server.set(func() {
		server.fault = func(string) fault {
			server.fault = nil
			return fault{cut: 4 << 10, change: func(answer []byte) []byte {
				server.forgetSessions()
				return answer
			}}
		}
	})
	got := make([]byte, len(data))
	if _, err := f.ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, data) {
		t.Error(err)
	}
}

// Whoever has no slot of the session waits no longer than whoever has one, and what was given up
// keeps none.
func TestReadersWithoutASlotDoNotWaitForEver(t *testing.T) {
	server := newFakeServer(t) // its sessions have eight slots
	data := random(64 << 10)
	server.put("object", 1, data)
	s := mustOpen(t, server.url("version=4.1"), Options{
		ReadAhead: -1, Policy: share.Policy{Timeout: 900 * time.Millisecond},
	})
	f := mustOpenFile(t, s, "object")
	server.set(func() { server.fault = func(string) fault { return fault{drop: true} } })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	const readers = 24
	for range readers {
		go func() {
			_, err := f.ReadAt(ctx, make([]byte, len(data)), 0)
			ended <- err
		}()
	}
	stuck := time.AfterFunc(30*time.Second, cancel)
	defer stuck.Stop()
	for range readers {
		if err := <-ended; err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("a read from a server that does not answer: %v", err)
		}
	}
	server.set(func() { server.fault = nil })
	got := make([]byte, len(data))
	for start := time.Now(); ; {
		_, err := f.ReadAt(t.Context(), got, 0)
		if err == nil && bytes.Equal(got, data) {
			break
		}
		if time.Since(start) > 30*time.Second {
			t.Fatal(err)
		}
	}
}

// A server may be executing it, and take another call for its repetition.
func TestASlotWhoseCallWasPutOffIsUsedForThatCall(t *testing.T) {
	server := newFakeServer(t)
	const each = 1000
	data := random(100 << 10)
	server.put("object", 1, data)
	s := mustOpen(t, server.url("version=4.1"), Options{ReadAhead: -1})
	f := mustOpenFile(t, s, "object")
	server.set(func() { server.delays = 30 })
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			for off := i * each; off+each <= len(data)/2; off += 12 * each {
				p := make([]byte, each)
				if _, err := f.ReadAt(t.Context(), p, int64(off)); err != nil ||
					!bytes.Equal(p, data[off:off+each]) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestASessionWhoseLeaseHasExpiredIsMadeAnew(t *testing.T) {
	server := newFakeServer(t)
	server.put("object", 1, []byte("123"))
	s := mustOpen(t, server.url("version=4.1"), Options{})
	f := mustOpenFile(t, s, "object")
	server.set(func() {
		for _, client := range server.clients {
			client.expired = true
		}
	})
	p := make([]byte, 3)
	if _, err := f.ReadAt(t.Context(), p, 0); err != nil || string(p) != "123" {
		t.Errorf("%q, %v", p, err)
	}
}

func TestTheNewestVersionThatTheServerHasIsSpoken(t *testing.T) {
	for want, set := range map[string]func(*fakeServer){
		"4.1": func(*fakeServer) {},
		"4.0": func(s *fakeServer) { s.noV41 = true },
		"3":   func(s *fakeServer) { s.noV4 = true },
	} {
		server := newFakeServer(t)
		server.put("file", 1, nil)
		server.set(func() { set(server) })
		s := mustOpen(t, server.url(""), Options{})
		mustOpenFile(t, s, "file")
		if s.Version() != want {
			t.Errorf("%s instead of %s", s.Version(), want)
		}
	}
}
