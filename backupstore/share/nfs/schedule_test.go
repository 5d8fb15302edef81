package nfs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
)

// schedules is how many schedules are tried; RESTOREFS_NFS_SCHEDULES says another number.
func schedules(t *testing.T) int {
	text := os.Getenv("RESTOREFS_NFS_SCHEDULES")
	if text == "" {
		return 40
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Whatever a server and the network do: each byte that is delivered is right, each failure is an
// error, and when the trouble is over everything works, without a new mount.
func TestSchedulesOfTrouble(t *testing.T) {
	seeds := make(chan uint64)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for seed := range seeds {
				if !t.Run("", func(t *testing.T) { newSchedule(t, seed).run() }) {
					t.Errorf("seed %d", seed)
				}
			}
		})
	}
	first := uint64(time.Now().UnixNano())
	for i := range schedules(t) {
		seeds <- first + uint64(i)
	}
	close(seeds)
	wg.Wait()
}

// schedule is a sequence of troubles.
type schedule struct {
	t      *testing.T
	server *fakeServer
	share  *Share
	data   []byte
	rnd    *rand.Rand // guarded by server.mu
	lies   bool       // answers are changed, so that what is told of a file may be wrong
	rate   int        // one of so many answers is in trouble
}

func newSchedule(t *testing.T, seed uint64) *schedule {
	rnd := rand.New(rand.NewPCG(seed, 1))
	s := &schedule{t: t, server: newFakeServer(t), rnd: rnd, rate: 3 + rnd.IntN(20), lies: rnd.IntN(3) == 0}
	s.data = random(100<<10 + rnd.IntN(100<<10))
	for _, name := range []string{"a/b/object", "a/b/other", "a/c/x"} {
		s.server.put(name, 1, s.data)
	}
	s.server.set(func() {
		s.server.most = 4<<10 + rnd.IntN(16<<10)
		s.server.perPage = 1
	})
	version := testedVersions[rnd.IntN(len(testedVersions))]
	spec, err := Parse(s.server.url("version=" + version))
	if err != nil {
		t.Fatal(err)
	}
	s.eventually(func() (err error) {
		s.share, err = Open(t.Context(), spec, Options{Policy: share.Policy{Timeout: 600 * time.Millisecond}})
		return err
	})
	t.Cleanup(func() { s.share.Close() })
	return s
}

func (s *schedule) run() {
	s.server.set(func() { s.server.fault = s.fault })
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() { s.client(rand.New(rand.NewPCG(uint64(i), 2))) })
	}
	wg.Wait()
	s.server.set(func() { s.server.fault = nil })
	s.eventually(s.all)
}

// eventually does something that works without trouble: at the latest when this machine has time for
// it, as the share's patience is short here.
func (s *schedule) eventually(f func() error) {
	s.t.Helper()
	for start := time.Now(); ; {
		err := f()
		if err == nil {
			return
		}
		if time.Since(start) > time.Minute {
			s.t.Fatalf("without trouble: %v", err)
		}
	}
}

// all reads all there is.
func (s *schedule) all() error {
	f, err := s.share.Open(s.t.Context(), "a/b/object")
	if err != nil {
		return err
	}
	defer f.Close()
	got := make([]byte, len(s.data))
	n, err := f.ReadAt(s.t.Context(), got, 0)
	if err == nil && !bytes.Equal(got, s.data) {
		s.t.Errorf("after the trouble: %d bytes, and others than these", n)
	}
	if err != nil {
		return err
	}
	entries, _, err := s.share.ReadDir(s.t.Context(), "a", all)
	if err == nil && len(entries) != 2 {
		s.t.Errorf("after the trouble: %v", entries)
	}
	return err
}

// fault chooses what happens to one answer.
func (s *schedule) fault(string) (f fault) {
	f.delay = time.Duration(s.rnd.IntN(200)) * time.Microsecond
	f.split = s.rnd.IntN(4) == 0
	f.short = s.rnd.IntN(4) == 0
	if s.rnd.IntN(s.rate) != 0 {
		return f
	}
	switch s.rnd.IntN(9) {
	case 0:
		f.delay = time.Duration(s.rnd.IntN(30)) * time.Millisecond
	case 1:
		f.status = 10008 // busy
	case 2:
		f.status = []uint32{5, 13, 70, 10013, 10006}[s.rnd.IntN(5)]
	case 3:
		f.drop = s.rnd.IntN(6) == 0
	case 4:
		f.reset = true
	case 5, 6:
		f.cut = 1 + s.rnd.IntN(8<<10)
	case 7:
		s.server.forgetSessionsLocked()
	case 8:
		if s.lies {
			f.change = s.change
		}
	}
	return f
}

// change changes the head of an answer, and leaves what was read as it is. It does not make it the
// answer of another call that waits: where both read, nothing but a digest of the data could tell.
func (s *schedule) change(answer []byte) []byte {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	answer = bytes.Clone(answer)
	head := min(len(answer), 24+28)
	at := s.rnd.IntN(head)
	if at == 2 || at == 3 {
		at -= 2 // of the number of the call, in which those under way differ only at the end
	}
	switch s.rnd.IntN(3) {
	case 0:
		return answer[:at]
	case 1:
		answer[at] ^= 1 << s.rnd.IntN(8)
	case 2:
		answer[at] = byte(s.rnd.Uint32())
	}
	return answer
}

// client uses the share as the catalogue and decoders do.
func (s *schedule) client(rnd *rand.Rand) {
	for range 3 {
		s.share.ReadDir(s.t.Context(), "a/b", all)
		f, err := s.share.Open(s.t.Context(), "a/b/object")
		if err != nil {
			continue
		}
		s.read(f, rnd)
		f.Close()
	}
}

func (s *schedule) read(f share.File, rnd *rand.Rand) {
	off := rnd.IntN(len(s.data))
	for range 12 {
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Duration(1+rnd.IntN(200))*time.Millisecond)
		p := make([]byte, 1+rnd.IntN(30<<10))
		n, err := f.ReadAt(ctx, p, int64(off))
		cancel()
		want := s.data[off:min(len(s.data), off+len(p))]
		switch {
		case n > len(want) || !bytes.Equal(p[:n], want[:n]):
			s.t.Errorf("wrong bytes at %d, with %v", off, err)
		case err == nil && n != len(p), err == io.EOF && n != len(want) && !s.lies:
			s.t.Errorf("%d bytes of %d at %d, with %v", n, len(want), off, err)
		case errors.Is(err, share.ErrStale):
			return
		}
		if off += n; rnd.IntN(4) == 0 || err != nil {
			off = rnd.IntN(len(s.data))
		}
		if rnd.IntN(5) == 0 {
			f.Stamp(s.t.Context())
		}
	}
}
