package objects

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// endless is a store whose list has the names that name returns, until one of them is refused.
type endless struct {
	Store
	name func(n int) string
	sent int
}

func (e *endless) List(_ context.Context, prefix string, _ bool, each func(Info) error) error {
	for {
		name := e.name(e.sent)
		if name == "" {
			return nil
		}
		e.sent++
		if err := each(Info{Key: prefix + name, Size: 1}); err != nil {
			return err
		}
	}
}

func (e *endless) String() string { return "endless" }
func (e *endless) Close()         {}

func listed(t *testing.T, dir string, want bool, name func(n int) string) (*endless, error) {
	t.Helper()
	store := &endless{name: name}
	s := New(store, Options{})
	t.Cleanup(func() { s.Close() })
	_, err := s.deep(t.Context(), dir, func(string) bool { return want })
	return store, err
}

func TestADeepListingIsBoundedInDirectoriesAndBytesOfNames(t *testing.T) {
	store, err := listed(t, "volume_1", true, func(n int) string { return fmt.Sprintf("%07d/a", n) })
	if !errors.Is(err, errTooMany) || store.sent > maxKept/2 {
		t.Errorf("directories: %v after %d names", err, store.sent)
	}
	long := strings.Repeat("x", 900)
	store, err = listed(t, "volume_1", true, func(n int) string {
		return fmt.Sprintf("%07d%s", n, long)
	})
	if !errors.Is(err, errTooMany) || store.sent > maxKept/7 {
		t.Errorf("long names: %v after %d names", err, store.sent)
	}
	store, err = listed(t, "volume_1", true, func(n int) string {
		return []string{strings.Repeat("d/", 400) + "a", ""}[min(n, 1)]
	})
	if err != nil || store.sent != 1 {
		t.Errorf("a deep name is not passed over: %v", err)
	}
}

func TestAKeyLongerThanKeysCanBeIsRefused(t *testing.T) {
	_, err := listed(t, "volume_1", true, func(int) string { return strings.Repeat("k", maxKey) })
	if !errors.Is(err, errMalformed) {
		t.Error(err)
	}
}

func TestNamesThatNobodyWantsCountTowardsTheEndOfAListing(t *testing.T) {
	_, err := listed(t, "volume_1", false, func(n int) string { return fmt.Sprintf("%09d/", n) })
	if !errors.Is(err, errTooMany) {
		t.Error(err)
	}
	_, p := withPages(t.Context())
	seen := arrivals{pages: p, most: 1 << 20}
	for range maxEmpty {
		p.more()
		if err := seen.next(t.Context(), "same"); err != nil {
			t.Fatal(err)
		}
	}
	if p.more(); !p.more() {
		t.Error("a list that repeats itself goes on")
	}
}

func TestAShareTakesItsPartOfTheMemory(t *testing.T) {
	for _, c := range []struct {
		memory       int64
		ahead, names int
	}{{0, 16 << 20, 256 << 10}, {64 << 20, 4 << 20, 32 << 10}, {256 << 20, 16 << 20, 128 << 10},
		{1 << 40, 16 << 20, 256 << 10}, {1 << 20, 1 << 20, 512}} {
		store := &endless{name: func(n int) string { return fmt.Sprintf("%07d", n) }}
		s := New(store, Options{MemoryBytes: c.memory})
		_, err := s.deep(t.Context(), "volume_1", func(string) bool { return true })
		if !errors.Is(err, errTooMany) || store.sent > c.names+1 || store.sent < c.names/2 ||
			s.ahead.total*blockBytes != c.ahead {
			t.Errorf("%d bytes: %d names, %d blocks ahead, %v", c.memory, store.sent, s.ahead.total, err)
		}
		s.Close()
	}
}
