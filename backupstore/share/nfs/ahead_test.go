package nfs

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
)

// blockOf puts a block of all of f among what is read ahead, as if its READ was under way.
func blockOf(f *file) *block {
	buf := make([]byte, f.Size())
	b := &block{buf: &buf, done: make(chan struct{})}
	a := f.server.ahead
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left--
	a.streams = append(a.streams, &stream{f: f, blocks: []*block{b}, window: minWindow, used: time.Now()})
	return b
}

// fail ends the READ of a block without an answer, as soon as it has users readers.
func (b *block) fail(a *ahead, users int) {
	for ; ; time.Sleep(time.Millisecond) {
		a.mu.Lock()
		if b.users == users {
			b.ready, b.err = true, &share.TimeoutError{After: time.Minute}
			close(b.done)
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
	}
}

func TestAReaderThatHasWaitedForAServerInVainDoesNotWaitAsLongAgain(t *testing.T) {
	t.Parallel()
	server := newFakeServer(t)
	server.put("object", 1, []byte("123"))
	s := mustOpen(t, server.url("version=3"), Options{})
	f := mustOpenFile(t, s, "object").(*file)
	p := make([]byte, 3)

	b := blockOf(f)
	go b.fail(f.server.ahead, 1)
	if _, err := f.ReadAt(t.Context(), p, 0); !share.Away(err) || server.count("100003.3.6") != 0 {
		t.Errorf("%v after %d READs", err, server.count("100003.3.6"))
	}
	// What became of a READ before anybody came is no news of the server.
	blockOf(f).fail(f.server.ahead, 0)
	if _, err := f.ReadAt(t.Context(), p, 0); err != nil || string(p) != "123" {
		t.Errorf("%q %v", p, err)
	}
	if a := f.server.ahead; a.left != a.total {
		t.Errorf("there is memory for %d blocks, not %d", a.left, a.total)
	}
}

func TestACallThatWasGivenUpIsNoShortRoundTrip(t *testing.T) {
	t.Parallel()
	server := newFakeServer(t)
	server.put("object", 1, nil)
	s := mustOpen(t, server.url("version=3"), Options{})
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := s.Open(ended, "object"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if trip := s.server.ahead.trip.Load(); trip != math.MaxInt64 {
		t.Errorf("a round trip takes %v", time.Duration(trip))
	}
	if _, err := s.Open(t.Context(), "none"); err == nil {
		t.Error("there is a file none")
	}
	if s.server.ahead.trip.Load() == math.MaxInt64 {
		t.Error("an answer that there is no such file took no time")
	}
}

func TestASessionIsGivenBackAlthoughAnAnswerIsOutstanding(t *testing.T) {
	t.Parallel()
	server := newFakeServer(t)
	server.put("object", 1, []byte("123"))
	s := mustOpen(t, server.url("version=4.1"), Options{ReadAhead: -1})
	f := mustOpenFile(t, s, "object")
	ctx, cancel := context.WithCancel(t.Context())
	server.set(func() {
		server.fault = func(string) fault {
			server.fault = nil
			cancel()
			return fault{drop: true}
		}
	})
	if _, err := f.ReadAt(ctx, make([]byte, 3), 0); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	f.Close()
	s.Close()
	server.set(func() {
		if len(server.clients) != 0 {
			t.Errorf("the server knows %d clients", len(server.clients))
		}
	})
}
