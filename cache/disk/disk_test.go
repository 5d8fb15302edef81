package disk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/restorefs/restorefs/cache"
)

// memory is a volume in memory that counts the bytes loaded from it.
type memory struct {
	data   []byte
	block  int
	loaded atomic.Int64
}

var _ Source = (*memory)(nil)
var _ cache.Tiered = (*Kept)(nil)

// content returns a volume with data in most blocks and zeros in every fifth.
func content(seed uint64, n, block int) *memory {
	m := &memory{data: make([]byte, n), block: block}
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := 0; i < n; i += block {
		if i/block%5 != 4 {
			for j := i; j < min(n, i+block); j += 64 {
				m.data[j] = byte(rng.Uint32()) | 1
			}
		}
	}
	return m
}

func (m *memory) Size() int64 { return int64(len(m.data)) }
func (m *memory) Align() int  { return m.block }
func (m *memory) Load(_ context.Context, p []byte, off int64) error {
	m.loaded.Add(int64(len(p)))
	copy(p, m.data[off:])
	return nil
}
func (m *memory) Around(int64, int) (int64, int64) { return 0, m.Size() }
func (m *memory) NextData(_ context.Context, off, end int64) (int64, int64, error) {
	zero := func(at int64) bool {
		from := at / int64(m.block) * int64(m.block)
		b := m.data[from:min(from+int64(m.block), m.Size())]
		return len(bytes.Trim(b, "\x00")) == 0
	}
	start := off
	for start < end && zero(start) {
		start = min(end, (start/int64(m.block)+1)*int64(m.block))
	}
	stop := start
	for stop < end && !zero(stop) {
		stop = min(end, (stop/int64(m.block)+1)*int64(m.block))
	}
	return start, stop, nil
}
func (m *memory) Digest(_ context.Context, off int64) (d [32]byte, ok bool, err error) {
	if off+int64(m.block) > m.Size() {
		return d, false, nil
	}
	return sha256.Sum256(m.data[off : off+int64(m.block)]), true, nil
}

func opened(t testing.TB, dir string, n, slab int64, log *slog.Logger) *Cache {
	t.Helper()
	c, err := open(Options{Dir: dir, Bytes: n, Logger: log}, slab)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	<-c.loaded
	return c
}

// settle waits until all that is queued is written.
func settle(t testing.TB, c *Cache) {
	t.Helper()
	for start := time.Now(); c.queued.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Since(start) > 20*time.Second {
			t.Fatal("the queue is not written")
		}
	}
}

// readAll reads all of v in pieces, and returns how much of it the source had to load.
func readAll(t testing.TB, v *Kept, m *memory, piece int) int64 {
	t.Helper()
	before := m.loaded.Load()
	for off := 0; off < len(m.data); off += piece {
		p := make([]byte, min(piece, len(m.data)-off))
		if err := v.Load(t.Context(), p, int64(off)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(p, m.data[off:off+len(p)]) {
			t.Fatalf("other bytes at %d", off)
		}
		settle(t, v.c)
	}
	return m.loaded.Load() - before
}

func TestBytesLoadedOnceAreKeptForOtherBackupsAndLaterProcesses(t *testing.T) {
	size := 8 << 20
	if testing.Short() { // for an emulator
		size = 3 << 20
	}
	for _, block := range []int{4 << 10, 24 << 10, 32 << 10, 1 << 20} {
		t.Run(fmt.Sprint(block), func(t *testing.T) {
			dir := t.TempDir()
			m := content(1, size+block/2, block)
			piece := (128<<10 + block - 1) / block * block // like a span of package cache
			c := opened(t, dir, 64<<20, slabBytes, nil)
			if n := readAll(t, c.Volume(m), m, piece); n < int64(len(m.data))*3/5 {
				t.Errorf("%d bytes were loaded at first", n)
			}
			tail := int64(2 * max(block, piece)) // a part of a unit is not kept
			if n := readAll(t, c.Volume(m), m, piece); n > tail {
				t.Errorf("%d bytes were loaded again", n)
			}
			c.Close()

			sibling := content(1, size+block/2, block)
			sibling.data[0] ^= 1
			c = opened(t, dir, 64<<20, slabBytes, nil)
			v := c.Volume(sibling)
			if n := readAll(t, v, sibling, piece); n == 0 || n > tail+int64(piece) {
				t.Errorf("%d bytes were loaded of a sibling with one other block", n)
			}
			if s := c.Stats(); s.Hits == 0 || s.Corrupt != 0 || s.FileBytes > s.Limit || s.UsedBytes > s.FileBytes {
				t.Errorf("%+v", s)
			}
			if from, to := v.Around(0, piece); from != 0 || to != int64(piece) {
				t.Errorf("around what is kept: %d to %d", from, to)
			}
			if kept, err := v.LoadKept(t.Context(), make([]byte, piece), 0); !kept || err != nil {
				t.Errorf("kept: %t, %v", kept, err)
			}
		})
	}
}

func TestWhatAKilledProcessLeftIsUsed(t *testing.T) {
	dir, left := t.TempDir(), t.TempDir()
	m := content(9, 4<<20, 32<<10)
	c := opened(t, dir, 16<<20, slabBytes, nil)
	readAll(t, c.Volume(m), m, 128<<10)
	// while the cache is open: what a kill would leave
	if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	c = opened(t, left, 16<<20, slabBytes, nil)
	if n := readAll(t, c.Volume(m), m, 128<<10); n != 0 {
		t.Errorf("%d bytes were loaded again", n)
	}
}

func TestOneProcessAtATimeUsesADirectory(t *testing.T) {
	dir := t.TempDir()
	c := opened(t, dir, 16<<20, slabBytes, nil)
	if _, err := Open(Options{Dir: dir, Bytes: 16 << 20}); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	c.Close()
	c.Close()
	if c, err := Open(Options{Dir: dir, Bytes: 16 << 20}); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
	if _, err := Open(Options{Dir: dir, Bytes: 1}); err == nil {
		t.Error("a cache of one byte")
	}
	if _, err := Open(Options{Dir: filepath.Join(dir, lockName), Bytes: 16 << 20}); err == nil {
		t.Error("a file as the directory")
	}
}

func TestFilesStayWithinTheLimitAndEntriesThatAreReadStay(t *testing.T) {
	if testing.Short() {
		t.Skip("not in this run: which processor it is makes no difference")
	}
	dir := t.TempDir()
	const limit = 4 << 20
	c := opened(t, dir, limit, 1<<20, nil)
	hot := content(4, 512<<10, 32<<10)
	readAll(t, c.Volume(hot), hot, 128<<10)
	for seed := range uint64(8) {
		m := content(10+seed, 2<<20, 32<<10)
		readAll(t, c.Volume(m), m, 128<<10)
		readAll(t, c.Volume(hot), hot, 128<<10)
	}
	if n := readAll(t, c.Volume(hot), hot, 128<<10); n != 0 {
		t.Errorf("%d bytes of what is read all the time have gone", n)
	}
	check := func(limit int64) {
		t.Helper()
		sum := int64(0)
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			st, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			sum += st.Size()
		}
		if s := c.Stats(); sum > limit || s.FileBytes != sum || s.UsedBytes > sum {
			t.Errorf("%d bytes of %d; %+v", sum, limit, s)
		}
	}
	check(limit)
	if s := c.Stats(); s.Evictions == 0 || s.UsedBytes < limit*3/4 {
		t.Errorf("%+v", s)
	}
	// There is no room for blocks of another size: a slab is removed.
	large := content(5, 4<<20, 256<<10)
	readAll(t, c.Volume(large), large, 1<<20)
	if s := c.Stats(); s.Stored == 0 || len(c.classes) != 2 {
		t.Errorf("%+v", s)
	}
	check(limit)
	c.Close()
	c = opened(t, dir, 2<<20, 1<<20, nil)
	check(2 << 20)
	m := content(6, 2<<20, 32<<10)
	readAll(t, c.Volume(m), m, 128<<10)
	check(2 << 20)
}

func TestReadersNeverWaitForTheWriter(t *testing.T) {
	c := opened(t, t.TempDir(), 64<<20, slabBytes, nil)
	p := make([]byte, 32<<10)
	c.mu.Lock() // blocks the writer
	for i := range 1000 {
		c.offer(&key{1, byte(i), byte(i >> 8)}, p)
	}
	c.mu.Unlock()
	settle(t, c)
	s := c.Stats()
	if s.Dropped < 1000-queueBytes/(32<<10)-1 || s.Stored+s.Dropped != 1000 {
		t.Errorf("%+v", s)
	}
}

func TestConcurrentReadersOfACacheThatIsTooSmallGetRightBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("not in this run: which processor it is makes no difference")
	}
	c := opened(t, t.TempDir(), 1<<20, 512<<10, nil)
	each := 200
	if testing.Short() {
		each = 40
	}
	var wg sync.WaitGroup
	volumes := []*memory{content(20, 2<<20, 32<<10), content(21, 2<<20, 4<<10), content(22, 2<<20, 64<<10)}
	for r := range 8 {
		wg.Go(func() {
			m := volumes[r%len(volumes)]
			v := c.Volume(m)
			rng := rand.New(rand.NewPCG(uint64(r), 3))
			p := make([]byte, 128<<10)
			for range each {
				off := rng.Int64N(m.Size()/(128<<10)) * (128 << 10)
				if err := v.Load(context.Background(), p, off); err != nil || !bytes.Equal(p, m.data[off:off+int64(len(p))]) {
					t.Errorf("at %d: %v", off, err)
					return
				}
			}
		})
	}
	wg.Wait()
	settle(t, c)
	if s := c.Stats(); s.Hits == 0 || s.Evictions == 0 {
		t.Errorf("%+v", s)
	}
	p := make([]byte, 128<<10)
	c.Close()
	if err := c.Volume(volumes[0]).Load(t.Context(), p, 0); err != nil || !bytes.Equal(p, volumes[0].data[:len(p)]) {
		t.Errorf("after Close: %v", err)
	}
}

func TestTheTableFindsWhatAMapFinds(t *testing.T) {
	const slots = 500
	c := &Cache{table: newTable(slots), slabs: map[int]*slab{}}
	s := &slab{tags: make([]uint64, slots), recent: make([]bool, slots)}
	c.slabs[0] = s
	rng := rand.New(rand.NewPCG(8, 8))
	want := map[uint64]uint32{}
	for range 200000 {
		i := rng.IntN(slots)
		if s.tags[i] != 0 {
			delete(want, s.tags[i])
			c.remove(s.id(i))
			s.tags[i] = 0
		}
		// Many tags collide, also at the end of the table.
		tag := uint64(rng.IntN(40))*31 + uint64(rng.IntN(8))<<40 + 1 + c.table.mask - 20
		if _, twice := c.find(tag); !twice && rng.IntN(3) > 0 {
			s.tags[i] = tag
			c.insert(s.id(i))
			want[tag] = s.id(i)
		}
		if id, ok := c.find(tag); ok != (want[tag] != 0 || s.tags[0] == tag) || ok && id != want[tag] {
			t.Fatalf("%d: %d, %t", tag, id, ok)
		}
	}
	for tag, id := range want {
		if got, ok := c.find(tag); !ok || got != id {
			t.Fatalf("%d: %d, %t", tag, got, ok)
		}
	}
}
