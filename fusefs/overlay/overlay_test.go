package overlay

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

var testKey = Key{Backup: "11111111-aaaa", Size: simSize, Content: [32]byte{1}}

func mustOpen(t testing.TB, dir string, o Options) *Overlay {
	t.Helper()
	ov, err := Open(t.Context(), dir, testKey, &base{size: simSize}, o)
	if err != nil {
		t.Fatal(err)
	}
	return ov
}

// The files of the operating system, pages that come and go, closing and opening.
func TestAnOverlayHoldsWhatWasWritten(t *testing.T) {
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(3, 4))
	h := newHistory(&base{size: simSize})
	for life := range 5 {
		o := mustOpen(t, dir, simOptions)
		for range 60 {
			if err := h.use(random, o); err != nil {
				t.Fatalf("life %d: %v", life, err)
			}
			if err := h.verify(o); err != nil {
				t.Fatalf("life %d: %v", life, err)
			}
			o.mu.Lock()
			if n := len(o.pages); n > 4 { // 2, and what is in use
				t.Errorf("%d pages are in memory", n)
			}
			o.mu.Unlock()
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	list, err := List(dir)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	o := mustOpen(t, dir, simOptions)
	defer o.Close()
	var written int64
	for off := int64(0); off < simSize; {
		stop, w, err := o.Next(t.Context(), off, simSize)
		if err != nil {
			t.Fatal(err)
		}
		if w {
			written += stop - off
		}
		off = stop
	}
	if l := list[0]; l.Backup != testKey.Backup || l.Size != simSize || l.Written != written || l.InUse || l.Problem != "" || l.Stored < written/4 {
		t.Errorf("listed as %+v, %d bytes are written", l, written)
	}
}

func TestManyWritersAndReadersAtOnce(t *testing.T) {
	o := mustOpen(t, t.TempDir(), Options{flushEvery: time.Millisecond, maxPages: 2, maxDirty: 2})
	ctx := t.Context()
	const each = 3 * blockBytes
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 4))
			for range 60 {
				// Parts that are nobody else's, of blocks that are.
				page := []int64{0, 1, 3}[random.IntN(3)]
				off := page*pageBlocks*blockBytes + int64(w)*each/2 + 77
				p := bytes.Repeat([]byte{byte(1 + random.IntN(200))}, each/2)
				if page == 3 {
					off, p = simSize-blockBytes+int64(w)*100, p[:100]
				}
				if random.IntN(4) == 0 {
					clear(p)
					if err := o.Zero(ctx, off, int64(len(p))); err != nil {
						t.Error(err)
					}
				} else if err := o.WriteAt(ctx, p, off); err != nil {
					t.Error(err)
				}
				got := make([]byte, len(p))
				if err := o.ReadAt(ctx, got, off); err != nil || !bytes.Equal(got, p) {
					t.Errorf("writer %d reads something else than it wrote (%v)", w, err)
					return
				}
				if random.IntN(5) == 0 {
					if err := o.Sync(ctx); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhatNobodySyncsIsSyncedSoon(t *testing.T) {
	o := mustOpen(t, t.TempDir(), Options{flushEvery: time.Millisecond})
	defer o.Close()
	if err := o.WriteAt(t.Context(), []byte("x"), 5); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		o.mu.Lock()
		synced := o.synced
		o.mu.Unlock()
		if synced > 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("not within 10 s")
		}
	}
}
