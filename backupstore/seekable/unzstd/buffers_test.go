package unzstd

import (
	"bytes"
	"testing"
)

// used returns Buffers that hold what another decoder left, of n bytes each.
func used(n int) *Buffers {
	b := NewBuffers(int64(3*n + maxBlock))
	b.put(buffers{window: bytes.Repeat([]byte{0xDB}, n), lits: bytes.Repeat([]byte{0xDB}, maxBlock+slack), input: bytes.Repeat([]byte{0xDB}, n)})
	return b
}

func TestDecodersLeaveTheirMemoryToOthers(t *testing.T) {
	img := image(41, 3<<20)
	stored := klauspost(t, img)
	b := NewBuffers(64 << 20)
	for range 3 {
		d := New(memory(stored), Options{Buffers: b})
		got := make([]byte, len(img))
		if _, err := d.Read(t.Context(), got); err != nil || !bytes.Equal(got, img) {
			t.Fatalf("other bytes, %v", err)
		}
		window := &d.window.buf[0]
		d.Close()
		d.Close() // gives nothing twice
		if len(b.free) != 1 || &b.free[0].window[0] != window {
			t.Fatalf("%d sets of buffers are kept", len(b.free))
		}
		if b.bytes != b.free[0].size() {
			t.Errorf("%d bytes are counted, %d kept", b.bytes, b.free[0].size())
		}
	}
}

func TestBuffersKeepNoMoreThanTheyMay(t *testing.T) {
	b := NewBuffers(10)
	for n := range 12 {
		b.put(buffers{window: make([]byte, n)})
		sum := int64(0)
		for _, f := range b.free {
			sum += f.size()
		}
		if sum > 10 || sum != b.bytes {
			t.Errorf("after %d bytes: %d are kept, %d counted", n, sum, b.bytes)
		}
	}
	if got := b.get(); len(got.window) != 10 {
		t.Errorf("the one of %d bytes comes first", len(got.window))
	}
	var none *Buffers
	none.put(none.get())
}
