package index

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func TestOneIndexAKeyAndOneBuilder(t *testing.T) {
	s := openStore(t, t.TempDir(), 1<<30)
	x, y := s.Index(testKey("o")), s.Index(testKey("o"))
	if x != y {
		t.Fatal("two indexes for one key in use")
	}
	b := mustBuild(t, x)
	if _, ok := y.TryBuild(); ok {
		t.Fatal("two builders")
	}
	build(b, 0, 10)
	x.Close()
	y.Close() // the builder keeps it in use
	if x = s.Index(testKey("o")); x != y {
		t.Fatal("an index being built was forgotten")
	}
	b.Close()
	b.Close() // is harmless
	b = mustBuild(t, x)
	if e, ok := b.Resume(); !ok || e.Out != 9*spacing || x.Frontier() != 9*spacing {
		t.Fatalf("resumes at %+v, %v", e, ok)
	}
	build(b, 9, 20)
	b.Complete()
	b.Close()
	x.Close()
	if len(s.inUse) != 0 {
		t.Fatal("indexes stay in use")
	}
	if x = s.Index(testKey("o")); x == y || check(t, x) != 20 {
		t.Fatal("not loaded again")
	}
	x.Close()
}

func TestSecondProcessBuildsInMemoryAndReadsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	s, other := openStore(t, dir, 1<<30), openStore(t, dir, 1<<30)
	x := s.Index(testKey("o"))
	defer x.Close()
	b := mustBuild(t, x)
	build(b, 0, 30)

	y := other.Index(testKey("o"))
	if y.Frontier() != 29*spacing || check(t, y) != 30 {
		t.Fatal("does not read what is there")
	}
	c := mustBuild(t, y)
	build(c, 29, 60)
	if check(t, y) != 60 {
		t.Fatal("does not build in memory")
	}
	build(b, 30, 100)
	b.Complete()
	b.Close()
	if check(t, y) != 60 {
		t.Fatal("the rename broke the reader")
	}
	c.Complete()
	c.Close()
	if !y.Complete() || check(t, y) != 60 {
		t.Fatal("not complete in memory")
	}
	y.Close()
	z := other.Index(testKey("o"))
	defer z.Close()
	if !z.Complete() || check(t, z) != 100 {
		t.Fatal("the stored one is not used afterwards")
	}
}

func TestBuilderFindsThatAnotherProcessFinished(t *testing.T) {
	dir := t.TempDir()
	s, other := openStore(t, dir, 1<<30), openStore(t, dir, 1<<30)
	x, y := s.Index(testKey("o")), other.Index(testKey("o"))
	defer x.Close()
	defer y.Close()
	b := mustBuild(t, x)
	build(b, 0, 30)
	b.Complete()
	b.Close()
	if _, ok := y.TryBuild(); ok || !y.Complete() || y.Frontier() != testKey("o").DecodedBytes || check(t, y) != 30 {
		t.Fatal("builds again what is there")
	}
	if names, _ := listFiles(t, dir); len(names) != 1 {
		t.Fatalf("files: %v", names)
	}
}

func TestStaleKeysAreDropped(t *testing.T) {
	for name, change := range map[string]func(*Key){
		"stored size":  func(k *Key) { k.StoredBytes++ },
		"time":         func(k *Key) { k.ModTime = k.ModTime.Add(1) },
		"md5":          func(k *Key) { k.MetadataMD5[15]++ },
		"decoded size": func(k *Key) { k.DecodedBytes++ },
	} {
		for _, complete := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s complete %v", name, complete), func(t *testing.T) {
				dir := t.TempDir()
				s := openStore(t, dir, 1<<30)
				key := testKey("o")
				old := s.Index(key)
				defer old.Close()
				b := mustBuild(t, old)
				build(b, 0, 20)
				if complete {
					b.Complete()
				}
				b.Close()
				change(&key)
				x := s.Index(key)
				defer x.Close()
				if x == old || x.Complete() || x.Len() != 0 {
					t.Fatal("stale index believed")
				}
				if names, _ := listFiles(t, dir); len(names) != 0 {
					t.Fatalf("stale file stays: %v", names)
				}
				b = mustBuild(t, x)
				build(b, 0, 20)
				b.Complete()
				b.Close()
				if check(t, x) != 20 {
					t.Fatal("not rebuilt")
				}
			})
		}
	}
}

func TestDropStartsAnew(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ store *Store }{{nil}, {openStore(t, dir, 1<<30)}} {
		x := c.store.Index(testKey("o"))
		b := mustBuild(t, x)
		build(b, 0, 20)
		e, _ := x.Before(5 * spacing)
		x.Drop()
		if x.Len() != 0 || x.Frontier() != 0 || x.Zero(8*spacing, 1) {
			t.Fatal("not forgotten")
		}
		build(b, 20, 30) // cut off
		b.Complete()
		if x.Len() != 0 || x.Complete() {
			t.Fatal("a builder goes on after Drop")
		}
		if names, _ := listFiles(t, dir); len(names) != 0 {
			t.Fatalf("files stay: %v", names)
		}
		b2 := mustBuild(t, x)
		b.Close()
		build(b2, 0, 25)
		if _, err := x.Checkpoint(e); err != nil && !errors.Is(err, ErrGone) {
			t.Fatal(err)
		}
		if check(t, x) != 25 {
			t.Fatal("a look-up from before Drop hurts what came after")
		}
		b2.Complete()
		b2.Close()
		x.Drop()
		if names, _ := listFiles(t, dir); len(names) != 0 || x.Complete() {
			t.Fatalf("files stay: %v", names)
		}
		x.Close()
	}
}

func TestConcurrentUse(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, 1<<30)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for g := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(2, uint64(g)))
			for {
				select {
				case <-stop:
					return
				default:
				}
				x := s.Index(testKey("o"))
				if e, ok := x.Before(r.Int64N(256 << 20)); ok {
					c, err := x.Checkpoint(e)
					if err != nil && !errors.Is(err, ErrGone) {
						t.Error(err)
					}
					if want := checkpointAt(int(e.Out / spacing)); err == nil && !bytes.Equal(c.State, want.State) {
						t.Error("wrong state")
					}
				}
				x.Zero(r.Int64N(256<<20), 4096)
				x.Split(0, 256<<20, 1<<20)
				if r.IntN(50) == 0 {
					x.Drop()
				}
				x.Close()
			}
		})
	}
	for range 30 {
		x := s.Index(testKey("o"))
		if b, ok := x.TryBuild(); ok {
			e, ok := b.Resume()
			from := 0
			if ok {
				from = int(e.Out / spacing)
			}
			build(b, from, 512)
			b.Complete()
			b.Close()
		}
		x.Close()
	}
	close(stop)
	wg.Wait()
	x := s.Index(testKey("o"))
	defer x.Close()
	if b, ok := x.TryBuild(); ok {
		b.Close()
	}
	check(t, x)
}

func TestNoDescriptorsStayOpen(t *testing.T) {
	count := func() int {
		d, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			need.Missing(t, "no /proc")
		}
		return len(d)
	}
	s := openStore(t, t.TempDir(), 1<<30)
	before := count()
	var all []*Index
	for i := range 50 {
		x := s.Index(testKey(fmt.Sprint(i)))
		all = append(all, x)
		b := mustBuild(t, x)
		build(b, 0, 5)
		if i%2 == 0 {
			b.Complete()
		}
		b.Close()
		check(t, x)
	}
	if now := count(); now > before {
		t.Fatalf("%d descriptors, %d before", now, before)
	}
	for _, x := range all {
		x.Close()
	}
}
