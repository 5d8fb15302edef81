package sums

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// is compares what Pair says of p and q with the standard library.
func is(t *testing.T, p, q []byte) {
	t.Helper()
	a, b := Pair(p, q)
	if a != sha256.Sum256(p) || b != sha256.Sum256(q) {
		t.Fatalf("wrong digests of %d and %d bytes", len(p), len(q))
	}
}

func TestPairsHaveTheirDigests(t *testing.T) {
	r := rand.NewChaCha8([32]byte{1})
	buf := make([]byte, 70<<10)
	if _, err := r.Read(buf); err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(buf)
	for n := range 300 {
		is(t, buf[:n], buf[301:301+n])
		is(t, buf[:n], buf[:n]) // one and the same
	}
	for _, n := range []int{512, 4096, 32<<10 - 1, 32 << 10, 32<<10 + 57} {
		is(t, buf[:n], buf[len(buf)-n:])
		is(t, buf[1:1+n], buf[3:3+n])
	}
	is(t, buf[:100], buf[:101])
	is(t, nil, buf[:32<<10])
	if !bytes.Equal(buf, before) {
		t.Error("the messages have changed")
	}
}

// Nothing before or behind the messages is read.
func TestPairsAreReadWithinTheirBounds(t *testing.T) {
	page := os.Getpagesize()
	size := 32 << 10
	b, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(b) })
	for _, fence := range [][]byte{b[:page], b[page+size:]} {
		if err := unix.Mprotect(fence, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	within := b[page : page+size]
	for _, n := range []int{1, 55, 56, 63, 64, 65, 128, 4096, size} {
		is(t, within[:n], within[size-n:])
	}
}

func TestWithoutSHATheLibraryIsChosen(t *testing.T) {
	if os.Getenv("RESTOREFS_TEST_NO_LOOP") == "" {
		t.Skip(need.NotInThisRun + "make test-arch has such a processor")
	}
	if hasBlocks2 {
		t.Error("instructions would be used that this processor does not have")
	}
}

func FuzzPair(f *testing.F) {
	f.Add([]byte("two messages in one"), uint16(9))
	f.Add(make([]byte, 300), uint16(150))
	f.Fuzz(func(t *testing.T, data []byte, at uint16) {
		i := min(int(at), len(data))
		is(t, data[:i], data[i:])
		is(t, data[:i], data[len(data)-i:])
	})
}

// BenchmarkPair and BenchmarkOneByOne take turns with -count.
func BenchmarkPair(b *testing.B) {
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		Pair(p[:32<<10], p[32<<10:])
	}
}

func BenchmarkOneByOne(b *testing.B) {
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		sha256.Sum256(p[:32<<10])
		sha256.Sum256(p[32<<10:])
	}
}
