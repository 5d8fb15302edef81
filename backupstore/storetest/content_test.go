package storetest

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

func TestContentIsTheSameHoweverItIsRead(t *testing.T) {
	const size = 1<<20 + 333
	base := Disk(size, 5)
	for name, c := range map[string]Content{
		"zeros": Zeros(size), "random": Random(size, 1), "text": Text(size, 2), "disk": base,
		"overlay":        Overlay(base, Text(size, 9), Extent{100, 50}, Extent{300_000, 300_000}, Extent{size - 5, 5}),
		"overlay zeros":  Overlay(base, Zeros(size), Extent{0, size - 1}),
		"overlay nested": Overlay(Overlay(Zeros(size), Random(size, 3), Extent{700_000, 8}), Text(size, 1), Extent{5, 9}),
	} {
		t.Run(name, func(t *testing.T) {
			whole, err := io.ReadAll(io.NewSectionReader(c, 0, size))
			if err != nil || len(whole) != size {
				t.Fatalf("%d bytes, %v", len(whole), err)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			for range 200 {
				off := rng.Int64N(size)
				p := make([]byte, rng.IntN(70_000))
				n, err := c.ReadAt(p, off)
				want := whole[off:min(size, off+int64(len(p)))]
				if !bytes.Equal(p[:n], want) || (err != nil) != (n < len(p)) {
					t.Fatalf("read of %d at %d: %d bytes, %v", len(p), off, n, err)
				}
			}
			blank := bytes.Clone(whole)
			for off := int64(0); off < size; {
				start, end := nextData(c, off)
				if start < off || (start < size && end <= start) || end > size {
					t.Fatalf("Data(%d) = %d, %d", off, start, end)
				}
				clear(blank[start:end])
				off = max(end, off+1)
			}
			if !bytes.Equal(blank, make([]byte, size)) {
				t.Error("Data passes over bytes that are not zero")
			}
		})
	}
	if err := iotest.TestReader(io.NewSectionReader(Text(1000, 1), 0, 1000), mustRead(Text(1000, 1))); err != nil {
		t.Error(err)
	}
}

func mustRead(c Content) []byte {
	p := make([]byte, c.Size())
	if _, err := c.ReadAt(p, 0); err != nil {
		panic(err)
	}
	return p
}

func TestAnOverlayRefusesOverlappingExtents(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	Overlay(Zeros(100), Zeros(100), Extent{0, 10}, Extent{5, 10})
}
