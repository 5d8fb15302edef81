package backupstore

import (
	"io"
	"strings"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// sharedLRU keeps the values that were used last, by the path of a file, for several users at once.
// A value is closed once it is neither kept nor in use. It is safe for concurrent use, and its lock
// is not held while a value is closed.
type sharedLRU[T io.Closer] struct {
	mu       sync.Mutex
	lru      *simplelru.LRU[string, *shared[T]]
	unwanted []*shared[T] // evicted while nobody used them: closed once mu is released
}

// shared is a value of a sharedLRU. Only those who acquired it may use it, until they release it.
type shared[T io.Closer] struct {
	value   T
	users   int // guarded by sharedLRU.mu, as is evicted
	evicted bool
}

func newSharedLRU[T io.Closer](n int) *sharedLRU[T] {
	s := &sharedLRU[T]{}
	// The callback runs inside Add, Remove and Purge, with mu held.
	s.lru, _ = simplelru.NewLRU(n, func(_ string, e *shared[T]) {
		e.evicted = true
		if e.users == 0 {
			s.unwanted = append(s.unwanted, e)
		}
	})
	return s
}

// acquire returns the value of path, nil if there is none. release gives it back.
func (s *sharedLRU[T]) acquire(path string) *shared[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.lru.Get(path)
	if ok {
		e.users++
	}
	return e
}

// add keeps value for path and acquires it. If another goroutine was quicker it closes value and
// acquires that one's.
func (s *sharedLRU[T]) add(path string, value T) *shared[T] {
	s.mu.Lock()
	e, ok := s.lru.Get(path)
	if !ok {
		e = &shared[T]{value: value}
		s.lru.Add(path, e)
	}
	e.users++
	s.unlock()
	if ok {
		value.Close()
	}
	return e
}

func (s *sharedLRU[T]) release(e *shared[T]) {
	s.mu.Lock()
	e.users--
	last := e.users == 0 && e.evicted
	s.mu.Unlock()
	if last {
		e.value.Close()
	}
}

// paths returns the paths of the values that are kept.
func (s *sharedLRU[T]) paths() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lru.Keys()
}

// forget drops the value of path. If it is in use, its last user closes it.
func (s *sharedLRU[T]) forget(path string) {
	s.mu.Lock()
	s.lru.Remove(path)
	s.unlock()
}

// forgetPrefix is forget for all paths that begin with prefix.
func (s *sharedLRU[T]) forgetPrefix(prefix string) {
	s.mu.Lock()
	for _, path := range s.lru.Keys() {
		if strings.HasPrefix(path, prefix) {
			s.lru.Remove(path)
		}
	}
	s.unlock()
}

// forgetAll is forget for all paths.
func (s *sharedLRU[T]) forgetAll() {
	s.mu.Lock()
	s.lru.Purge()
	s.unlock()
}

// unlock releases mu and closes what was evicted under it.
func (s *sharedLRU[T]) unlock() {
	unwanted := s.unwanted
	s.unwanted = nil
	s.mu.Unlock()
	for _, e := range unwanted {
		e.value.Close()
	}
}
