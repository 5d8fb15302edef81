package backupstore

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// counted counts how often it is closed.
type counted struct {
	path   string
	closed atomic.Int32
}

func (c *counted) Close() error { c.closed.Add(1); return nil }

func TestASharedValueIsClosedByItsLastUser(t *testing.T) {
	for name, c := range map[string]struct {
		then   func(*sharedLRU[*counted])
		closes string // of a/1, which is in use, a/2 and b/3, once a/1 is released
	}{
		"nothing is forgotten":       {func(*sharedLRU[*counted]) {}, ""},
		"one that is in use":         {func(s *sharedLRU[*counted]) { s.forget("a/1") }, "a/1"},
		"one that is not in use":     {func(s *sharedLRU[*counted]) { s.forget("a/2") }, "a/2"},
		"one that was never kept":    {func(s *sharedLRU[*counted]) { s.forget("a") }, ""},
		"all that begin with a name": {func(s *sharedLRU[*counted]) { s.forgetPrefix("a/") }, "a/1 a/2"},
		"all":                        {func(s *sharedLRU[*counted]) { s.forgetAll() }, "a/1 a/2 b/3"},
		"another takes its place":    {func(s *sharedLRU[*counted]) { s.release(s.add("c/4", &counted{})) }, "a/1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSharedLRU[*counted](3)
			values := []*counted{{path: "a/1"}, {path: "a/2"}, {path: "b/3"}}
			var used []*shared[*counted]
			for _, v := range values {
				used = append(used, s.add(v.path, v))
			}
			s.release(used[1])
			s.release(used[2])
			c.then(s)
			if values[0].closed.Load() != 0 {
				t.Error("a value is closed while it is in use")
			}
			s.release(used[0])
			closes := ""
			for _, v := range values {
				if v.closed.Load() != 0 {
					closes += " " + v.path
				}
			}
			if closes != "" && closes[1:] != c.closes || closes == "" && c.closes != "" {
				t.Errorf("closed: %q, want %q", closes, c.closes)
			}
		})
	}
}

func TestTheSecondOfTwoSharedValuesIsClosed(t *testing.T) {
	s := newSharedLRU[*counted](2)
	first, second := &counted{}, &counted{}
	a, b := s.add("x", first), s.add("x", second)
	if a != b || a.value != first || second.closed.Load() != 1 {
		t.Error("the value that was there first is not the one that is used")
	}
	s.forget("x")
	c := s.add("x", &counted{})
	s.release(a)
	if first.closed.Load() != 0 || c == a {
		t.Error("a forgotten value is closed or found while it is in use")
	}
	s.release(b)
	if first.closed.Load() != 1 {
		t.Error("a forgotten value is left open")
	}
	s.release(c)
}

func TestSharedValuesUnderManyUsers(t *testing.T) {
	s := newSharedLRU[*counted](8)
	var mu sync.Mutex
	var all []*counted
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(g)))
			for range 2000 {
				path := fmt.Sprintf("%d/%d", rng.IntN(3), rng.IntN(8))
				switch rng.IntN(40) {
				case 0:
					s.forget(path)
				case 1:
					s.forgetPrefix(path[:2])
				case 2:
					s.forgetAll()
				}
				e := s.acquire(path)
				if e == nil {
					v := &counted{path: path}
					mu.Lock()
					all = append(all, v)
					mu.Unlock()
					e = s.add(path, v)
				}
				runtime.Gosched()
				if e.value.path != path || e.value.closed.Load() != 0 {
					t.Errorf("%s is that of %s, closed %d times", path, e.value.path, e.value.closed.Load())
				}
				s.release(e)
			}
		})
	}
	wg.Wait()
	if open := slices.DeleteFunc(slices.Clone(all), func(c *counted) bool { return c.closed.Load() > 0 }); len(open) > 8 {
		t.Errorf("%d values are open", len(open))
	}
	s.forgetAll()
	for _, v := range all {
		if n := v.closed.Load(); n != 1 {
			t.Fatalf("%s was closed %d times", v.path, n)
		}
	}
}
