package nfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
)

func TestAServerThatHasJustStartedIsReadPastItsLocks(t *testing.T) {
	for _, version := range []string{"4.0", "4.1"} {
		server := newFakeServer(t)
		server.put("object", 1, []byte("123"))
		s := mustOpen(t, server.url("version="+version), Options{ReadAhead: -1})
		f := mustOpenFile(t, s, "object")
		server.set(func() { server.grace = true })
		p := make([]byte, 3)
		if _, err := f.ReadAt(t.Context(), p, 0); err != nil || string(p) != "123" {
			t.Errorf("%s: %q, %v", version, p, err)
		}
		if n := server.count("op 25"); n != 2 {
			t.Errorf("%s: %d READs", version, n)
		}
	}
}

func TestASessionIsGivenBackAtTheEnd(t *testing.T) {
	server := newFakeServer(t)
	server.put("object", 1, nil)
	s := mustOpen(t, server.url("version=4.1"), Options{})
	f := mustOpenFile(t, s, "object")
	s.Close()
	server.set(func() {
		if len(server.clients) != 1 {
			t.Errorf("a file is open, and the server knows %d clients", len(server.clients))
		}
	})
	f.Close()
	server.set(func() {
		if len(server.clients) != 0 {
			t.Errorf("the server knows %d clients", len(server.clients))
		}
	})
}

// The first call may be under way still when its repetition is rejected.
func TestASlotWhoseCallWasRejectedIsNotUsedAgain(t *testing.T) {
	server := newFakeServer(t)
	server.put("object", 1, []byte("123"))
	s := mustOpen(t, server.url("version=4.1"), Options{ReadAhead: -1})
	f := mustOpenFile(t, s, "object")
	server.set(func() {
		server.fault = func(string) fault {
			server.fault = nil
			return fault{change: func(answer []byte) []byte {
				return binary.BigEndian.AppendUint32(answer[:20:20], 5) // SYSTEM_ERR
			}}
		}
	})
	p := make([]byte, 3)
	if _, err := f.ReadAt(t.Context(), p, 0); err == nil {
		t.Error("a rejected call succeeds")
	}
	if _, err := f.ReadAt(t.Context(), p, 0); err != nil || string(p) != "123" {
		t.Errorf("%q, %v", p, err)
	}
	if n := server.count("op 43"); n != 2 {
		t.Errorf("%d sessions", n)
	}
}

func TestAnOutageIsWaitedForOnceInAListing(t *testing.T) {
	server := newFakeServer(t)
	for i := range 9 {
		server.put(fmt.Sprintf("d/file%d", i), 1, nil).bare = true
	}
	s := mustOpen(t, server.url("version=3"), Options{Policy: share.Policy{Timeout: 600 * time.Millisecond}})
	looked := map[uint32]bool{}
	server.set(func() {
		server.fault = func(what string) (f fault) {
			if what == "100003.3.3" && server.calls["100003.3.17"] > 0 {
				f.change = func(answer []byte) []byte {
					server.set(func() { looked[binary.BigEndian.Uint32(answer)] = true })
					return answer
				}
				f.drop = true
			}
			return f
		}
	})
	_, _, err := s.ReadDir(t.Context(), "d", all)
	if !share.Away(err) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	server.set(func() {
		if len(looked) != 1 {
			t.Errorf("%d names were looked up", len(looked))
		}
	})
}

func TestManyReadersOfAServerThatForgotItsHandlesAllGoOn(t *testing.T) {
	forEachVersion(t, func(t *testing.T, server *fakeServer, options string) {
		server.put("a/file", 1, []byte("123"))
		s := mustOpen(t, server.url(options), Options{})
		for range 10 {
			server.set(func() { server.epoch++ })
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					f, err := s.Open(t.Context(), "a/file")
					if err != nil {
						t.Error(err)
						return
					}
					f.Close()
				})
			}
			wg.Wait()
		}
	})
}

func TestManyReadersInSequenceDoNotTakeEachOthersReadAhead(t *testing.T) {
	server := newFakeServer(t)
	const readers, size = 24, 2 << 20
	data := random(size)
	server.put("object", 1, data)
	s := mustOpen(t, server.url("version=3"), Options{})
	s.server.ahead.forgotten = time.Hour // however slow this machine is
	var files []share.File
	for range readers {
		files = append(files, mustOpenFile(t, s, "object"))
	}
	p := make([]byte, 64<<10)
	for off := 0; off < size; off += len(p) {
		for i, f := range files {
			if _, err := f.ReadAt(t.Context(), p, int64(off)); err != nil && err != io.EOF ||
				!bytes.Equal(p, data[off:off+len(p)]) {
				t.Fatalf("reader %d at %d: %v", i, off, err)
			}
		}
	}
	// Those for whom there is no memory read for themselves.
	followed := defaultAhead / maxPiece / least
	most := followed*(size/maxPiece+4) + (readers-followed)*(size/len(p))
	if n := server.count("100003.3.6"); n > most {
		t.Errorf("%d READs, and %d suffice", n, most)
	}
}

func TestALargeReadIsReadAheadForWhereRoundTripsTakeTime(t *testing.T) {
	server := newFakeServer(t)
	server.put("object", 1, random(8<<20))
	for trip, followed := range map[time.Duration]int{10 * time.Microsecond: 0, 5 * time.Millisecond: 1} {
		s := mustOpen(t, server.url("version=3"), Options{})
		f := mustOpenFile(t, s, "object")
		s.server.ahead.trip.Store(int64(trip))
		p := make([]byte, 2<<20)
		for off := range int64(3) {
			if _, err := f.ReadAt(t.Context(), p, off*int64(len(p))); err != nil {
				t.Fatal(err)
			}
		}
		a := s.server.ahead
		a.mu.Lock()
		if len(a.streams) != followed {
			t.Errorf("with a round trip of %v %d readers are followed, not %d", trip, len(a.streams), followed)
		}
		a.mu.Unlock()
	}
}

func TestAnotherUserIsInNoneOfThisProcesssGroups(t *testing.T) {
	for _, given := range []string{"uid=5", "gid=5", "uid=5&gid=6"} {
		spec, err := Parse("nfs://h/e?" + given)
		if err != nil || len(spec.Identity.GIDs) != 0 {
			t.Errorf("%s: %+v, %v", given, spec.Identity, err)
		}
	}
}

func TestAnExportForKerberosSaysWhoReadsIt(t *testing.T) {
	server := newFakeServer(t)
	server.set(func() { server.fault = func(string) fault { return fault{status: uint32(proto.WrongSec)} } })
	spec, err := Parse(server.url("version=3"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), spec, Options{})
	if err == nil || !strings.Contains(err.Error(), "kernel's client") || strings.Contains(err.Error(), "root_squash") {
		t.Error(err)
	}
}

func TestASizeOfReadsThatIsOfNoUseIsNotBelieved(t *testing.T) {
	for said, want := range map[uint64]int64{
		0: proto.MinRead, 1: proto.MinRead, 8 << 10: 8 << 10, 1 << 20: 1 << 20, 1<<64 - 1: proto.MaxRead,
	} {
		if got := proto.ReadSize(said); got != want {
			t.Errorf("%d: %d", said, got)
		}
	}
}

func TestASessionWithACallThatIsNeverAnsweredIsMadeAnew(t *testing.T) {
	t.Parallel()
	server := newFakeServer(t)
	server.put("object", 1, []byte("123"))
	s := mustOpen(t, server.url("version=4.1"),
		Options{ReadAhead: -1, Policy: share.Policy{Timeout: 600 * time.Millisecond}})
	f := mustOpenFile(t, s, "object")
	server.set(func() { server.fault = func(string) fault { return fault{drop: true} } })
	p := make([]byte, 3)
	if _, err := f.ReadAt(t.Context(), p, 0); !share.Away(err) {
		t.Error(err)
	}
	server.set(func() { server.fault = nil })
	for try := 0; ; try++ { // a connection that was silent may have to be made again first
		if _, err := f.ReadAt(t.Context(), p, 0); err == nil {
			break
		} else if try == 50 {
			t.Fatal(err)
		}
	}
	if n := server.count("op 43"); n < 2 || string(p) != "123" {
		t.Errorf("%d sessions, %q", n, p)
	}
}
