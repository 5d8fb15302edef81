package index

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

const spacing = 512 << 10

func testKey(name string) Key {
	return Key{
		Object: name, Algorithm: 1, StoredBytes: 64 << 20, DecodedBytes: 256 << 20,
		ModTime: time.Unix(1700000000, 123456789), MetadataMD5: [16]byte{1, 2, 3},
	}
}

// checkpointAt is the i-th checkpoint of the object that the tests pretend to
// decode. States are of all sizes and compress more or less.
func checkpointAt(i int) stream.Checkpoint {
	r := rand.New(rand.NewPCG(1, uint64(i)))
	state := make([]byte, r.IntN(200))
	for j := range state {
		state[j] = byte(r.IntN(1 + i%7*40))
	}
	return stream.Checkpoint{In: int64(i)*1e6 + 16, Out: int64(i) * spacing, State: state}
}

// reportZeros tells of the zeros of the pretended object: 256 KiB in pieces now
// and then, and a run over several checkpoints.
func reportZeros(b *Builder, i int) {
	if i%16 == 3 {
		for n := range int64(8) {
			b.Zeros(int64(i)*spacing+4096+n<<15, 1<<15)
		}
	}
	if i%16 >= 8 && i%16 < 12 {
		b.Zeros(int64(i)*spacing, spacing)
	}
}

func isZero(off int64) bool {
	i := off / spacing
	if in := off % spacing; i%16 == 3 && in >= 4096 && in < 4096+256<<10 {
		return true
	}
	return i%16 >= 8 && i%16 < 12
}

// build reports checkpoints [from, to).
func build(b *Builder, from, to int) {
	for i := from; i < to; i++ {
		b.Checkpoint(checkpointAt(i))
		reportZeros(b, i)
		b.Progress(int64(i+1) * spacing)
	}
}

func mustBuild(t testing.TB, x *Index) *Builder {
	t.Helper()
	b, ok := x.TryBuild()
	if !ok {
		t.Fatal("nobody builds, yet TryBuild refuses")
	}
	return b
}

// check compares everything that x knows with the pretended object. It returns
// the number of checkpoints.
func check(t testing.TB, x *Index) int {
	t.Helper()
	n := x.Len()
	for i := range n {
		want := checkpointAt(i)
		for _, out := range []int64{want.Out, want.Out + spacing - 1} {
			e, ok := x.Before(out)
			if i == n-1 {
				e, ok = x.Before(want.Out)
			}
			if !ok || e.Out != want.Out || e.In != want.In {
				t.Fatalf("Before(%d) = %+v, %v", out, e, ok)
			}
			got, err := x.Checkpoint(e)
			if err != nil {
				t.Fatal(err)
			}
			if got.In != want.In || got.Out != want.Out || !bytes.Equal(got.State, want.State) {
				t.Fatalf("checkpoint %d differs", i)
			}
		}
	}
	end := x.Frontier()
	for off := int64(0); off < end; {
		start, n := x.NextZero(off, end)
		if n == 0 {
			break
		}
		if start < off || start+n > end || !isZero(start) || !isZero(start+n-1) || !x.Zero(start, n) {
			t.Fatalf("zero extent of %d at %d is not", n, start)
		}
		off = start + n
	}
	return n
}

func openStore(t testing.TB, dir string, max int64) *Store {
	t.Helper()
	s, err := OpenStore(dir, max, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func listFiles(t testing.TB, dir string) (names []string, total int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != dir && fi.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %v", p, fi.Mode())
			}
			return nil
		}
		if fi.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", p, fi.Mode())
		}
		names, total = append(names, p), total+fi.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names, total
}

func TestCompleteIndexIsThereAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	s := openStore(t, dir, 1<<30)
	key := testKey("02/backup-00001")
	x := s.Index(key)
	if x.Complete() || x.Frontier() != 0 || x.Len() != 0 {
		t.Fatal("a new index is not empty")
	}
	b := mustBuild(t, x)
	build(b, 0, 100)
	if x.Frontier() != 100*spacing || check(t, x) != 100 {
		t.Fatal("not usable while it is being built")
	}
	build(b, 100, 512)
	b.Complete()
	b.Close()
	before, _ := x.Before(77 * spacing)
	for range 2 {
		if !x.Complete() || x.Frontier() != key.DecodedBytes || check(t, x) != 512 {
			t.Fatal("not complete")
		}
		if !x.Zero(8*spacing, 4*spacing) || x.Zero(8*spacing-1, 2) || x.Zero(12*spacing-1, 2) {
			t.Fatal("zero extents differ")
		}
		if _, ok := x.TryBuild(); ok {
			t.Fatal("a complete index is built again")
		}
		x.Close()
		s.Close()
		s = openStore(t, dir, 1<<30)
		key.ModTime = key.ModTime.In(time.FixedZone("elsewhere", 3600))
		x = s.Index(key)
	}
	defer x.Close()
	if e, _ := x.Before(77 * spacing); e.loc != before.loc {
		t.Fatal("records moved")
	}
	names, _ := listFiles(t, dir)
	if len(names) != 1 || !strings.HasSuffix(names[0], ".idx") {
		t.Fatalf("files: %v", names)
	}
}

func TestSplit(t *testing.T) {
	var s *Store
	x := s.Index(testKey("o"))
	defer x.Close()
	b := mustBuild(t, x)
	defer b.Close()
	build(b, 0, 64)
	for _, c := range []struct {
		off, end, min int64
		want          []int64 // in checkpoints
	}{
		{0, 8 * spacing, 2 * spacing, []int64{2, 4, 6}},
		{0, 8*spacing - 1, 2 * spacing, []int64{2, 4}},
		{1, 8 * spacing, 2 * spacing, []int64{3, 5}},
		{0, 4 * spacing, 0, []int64{1, 2, 3}},
		{0, spacing, spacing, nil},
		{62 * spacing, 100 * spacing, spacing, []int64{63}},
		{90 * spacing, 100 * spacing, spacing, nil},
		{5, 4, spacing, nil},
	} {
		var got []int64
		for _, e := range x.Split(c.off, c.end, c.min) {
			got = append(got, e.Out/spacing)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("Split(%d, %d, %d) = %v, want %v", c.off, c.end, c.min, got, c.want)
		}
	}
}

func TestOddReportsAreIgnored(t *testing.T) {
	var s *Store
	x := s.Index(testKey("o"))
	defer x.Close()
	b := mustBuild(t, x)
	defer b.Close()
	build(b, 0, 10)
	k := testKey("o")
	for _, c := range []stream.Checkpoint{
		checkpointAt(9), checkpointAt(3), {In: 1 << 40, Out: 100 * spacing}, {In: 20e6, Out: k.DecodedBytes + 1},
		{In: 1, Out: 100 * spacing}, {In: -1, Out: -1}, {In: 20e6, Out: 100 * spacing, State: make([]byte, MaxStateBytes+1)},
	} {
		b.Checkpoint(c)
	}
	b.Zeros(-1, 1<<20)
	b.Zeros(k.DecodedBytes-1<<20, 2<<20)
	b.Zeros(1<<62, 1<<62)
	b.Zeros(100*spacing, -5)
	b.Zeros(100*spacing, 1<<15)
	if check(t, x) != 10 || x.Zero(100*spacing, 1) {
		t.Fatal("something of it was taken")
	}
	b.Progress(1 << 60)
	if x.Frontier() != k.DecodedBytes {
		t.Fatal("frontier beyond the object")
	}
}

func TestMemoryIsBoundedByThinning(t *testing.T) {
	var s *Store
	key := testKey("o")
	key.DecodedBytes, key.StoredBytes = 1<<40, 1<<40
	x := s.Index(key)
	defer x.Close()
	b := mustBuild(t, x)
	defer b.Close()
	r := rand.NewChaCha8([32]byte{})
	const gap = 1 << 20
	for i := range int64(4000) {
		state := make([]byte, 4096)
		_, _ = r.Read(state)
		b.Checkpoint(stream.Checkpoint{In: i * 1000, Out: i * gap, State: state})
	}
	if m := x.MemoryBytes(); m > memoryBytes+1<<20 {
		t.Fatalf("%d bytes", m)
	}
	if n := x.Len(); n < 250 || n > 600 {
		t.Fatalf("%d checkpoints stay", n)
	}
	for i := range int64(4000) {
		e, ok := x.Before(i * gap)
		if i == 0 && ok && e.Out > 0 || ok && i*gap-e.Out > 32*gap {
			t.Fatalf("nothing near %d", i)
		}
		if _, err := x.Checkpoint(e); ok && err != nil {
			t.Fatal(err)
		}
	}
}

func TestZeroExtentsAreBounded(t *testing.T) {
	var z zeroSet
	const n = 3 * maxZeros
	for i := int64(0); i < n; i++ {
		z.add(i<<20, i<<20+int64(minZero)<<(i%4))
	}
	if len(z.list) > maxZeros {
		t.Fatalf("%d extents", len(z.list))
	}
	long := int64(0)
	for _, e := range z.list {
		if e.end-e.off == minZero<<3 {
			long++
		}
	}
	if long < n/4 {
		t.Fatalf("long extents were dropped: %d of %d stay", long, n/4)
	}
}

func TestStatesOfAllSizes(t *testing.T) {
	for _, c := range []struct{ store *Store }{{openStore(t, t.TempDir(), 1<<30)}, {nil}} {
		x := c.store.Index(testKey("o"))
		b := mustBuild(t, x)
		noisy := noise(MaxStateBytes, 1)
		want := [][]byte{nil, {0}, noisy[:33], make([]byte, 100<<10), noisy[:200<<10], make([]byte, MaxStateBytes)}
		if c.store != nil {
			want = append(want, noisy)
		}
		for i, state := range want {
			b.Checkpoint(stream.Checkpoint{In: int64(i), Out: int64(i), State: bytes.Clone(state)})
		}
		b.Complete()
		b.Close()
		for i, state := range want {
			e, _ := x.Before(int64(i))
			for range 2 {
				got, err := x.Checkpoint(e)
				if err != nil || got.Out != int64(i) || !bytes.Equal(got.State, state) {
					t.Fatalf("state of %d bytes: got %d bytes, %v", len(state), len(got.State), err)
				}
				clear(got.State) // belongs to the caller
			}
		}
		x.Close()
	}
}
