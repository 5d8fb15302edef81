package format

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// usualByByte is what stride and usualBlocks go by, a byte at a time.
func usualByByte(c, before byte) bool {
	return c >= ' ' && c < 0x80 && !strings.ContainsRune("[]{}", rune(c)) && (c == '"') == (before == '\\')
}

func TestBlocksEndAtTheFirstUnusualByte(t *testing.T) {
	if !usesBlocks {
		t.Skip("not in this run: this processor or build has no blocks")
	}
	for c := range 256 {
		for before := range 256 {
			for _, at := range []int{0, 1, 7, 31, 32, 33, 63, 64, 95} {
				b := bytes.Repeat([]byte{'a'}, 1+96)
				b[at], b[at+1] = byte(before), byte(c)
				want := 0
				for want < 96 && usualByByte(b[want+1], b[want]) {
					want++
				}
				if got := usualBlocks(b); got != want/32*32 {
					t.Fatalf("%#x after %#x at %d: %d, want %d", c, before, at, got, want/32*32)
				}
			}
		}
	}
	for n := range 100 {
		if got := usualBlocks(bytes.Repeat([]byte{'a'}, n)); got != max(0, n-1)/32*32 {
			t.Fatalf("%d bytes: %d", n, got)
		}
	}
}

// TestBlocksReadNothingOutside has pages that cannot be read at both ends.
func TestBlocksReadNothingOutside(t *testing.T) {
	if !usesBlocks {
		t.Skip("not in this run: this processor or build has no blocks")
	}
	page := unix.Getpagesize()
	mem, err := unix.Mmap(-1, 0, 3*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	for _, outside := range [][]byte{mem[:page], mem[2*page:]} {
		if err := unix.Mprotect(outside, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	inside := mem[page : 2*page]
	for i := range inside {
		inside[i] = 'a'
	}
	escape := bytes.Repeat([]byte(`\\u6f22`), 20)
	for n := range 100 {
		for _, b := range [][]byte{inside[:n], inside[page-n:]} {
			copy(b, escape)
			if got, want := escapeBlocks(b), max(0, (n-4)/28*4); got != want {
				t.Fatalf("%d bytes: %d escapes, want %d", n, got, want)
			}
			copy(b, bytes.Repeat([]byte{'a'}, n))
			if got := usualBlocks(b); got != max(0, n-1)/32*32 {
				t.Fatalf("%d bytes: %d", n, got)
			}
		}
	}
}

func TestFourEscapesAreFourTimesOne(t *testing.T) {
	if !usesBlocks {
		t.Skip("not in this run: this processor or build has no blocks")
	}
	whole := bytes.Repeat([]byte(`\\u6f22`), 9)
	for at := range whole {
		for c := range 256 {
			b := bytes.Clone(whole)
			b[at] = byte(c)
			if got, want := escapeBlocks(b), min(escapesByOne(b)/4*4, 8); got != want {
				t.Fatalf("%#x at %d: %d escapes, want %d", c, at, got, want)
			}
		}
	}
}

// FuzzStrideIsByteByByte holds stride to its own rule, whatever skips for it.
func FuzzStrideIsByteByByte(f *testing.F) {
	f.Add([]byte(strings.Repeat(`\"k\": \"v\", `, 20) + `}`))
	f.Add([]byte(strings.Repeat("a", 70) + "\xff" + strings.Repeat("a", 40)))
	f.Fuzz(func(t *testing.T, b []byte) { checkStride(t, b) })
}

func TestStrideIsByteByByte(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const chars = `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:, 1\"[{` + "\x1f\x80"
	for range 2000 {
		b := make([]byte, r.IntN(300))
		for i := range b {
			b[i] = chars[r.IntN(len(chars))]
		}
		checkStride(t, bytes.ReplaceAll(b, []byte{'"'}, []byte(`\"`)))
	}
}

func checkStride(t *testing.T, b []byte) {
	t.Helper()
	n, quotes := stride(b)
	want := 0
	for before := byte(0); want < len(b) && usualByByte(b[want], before); want++ {
		before = b[want]
	}
	// A backslash whose second character does not belong to it is not counted.
	if want > 0 && b[want-1] == '\\' {
		want--
	}
	// It may stop early, but by less than a word, and only at the end.
	if n > want || n < want-8 || n != want && want < len(b)-8 {
		t.Fatalf("%q: %d bytes, want %d", b, n, want)
	}
	if got := bytes.Count(b[:n], []byte{'"'}); quotes != got {
		t.Fatalf("%q: %d quotes, want %d", b, quotes, got)
	}
}
