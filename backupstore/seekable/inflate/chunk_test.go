package inflate

import (
	"bytes"
	"context"
	"testing"
	"time"
)

// decoded is what becomes of the chunk [from, end) of stored. It must come to an end.
func decoded(t *testing.T, stored []byte, from, end int64) *chunk {
	t.Helper()
	k := &chunk{done: make(chan struct{})}
	go k.decode(context.Background(), &memory{b: stored}, from, end)
	select {
	case <-k.done:
	case <-time.After(20 * time.Second):
		t.Fatal("the chunk is still being decoded")
	}
	return k
}

// What a worker decodes ahead is held to the same rules: otherwise other bytes would be taken over.
// A distance to before the first byte is found later, when it is known what lies there.
func TestAChunkIsHeldToEachRuleOfDeflate(t *testing.T) {
	if !haveFast {
		t.Skip("not in this run: purego does not decode ahead")
	}
	// A block that findBlock finds, then the oddity, then blocks that are right.
	stored := func(block func(*bitWriter)) []byte {
		w := &bitWriter{b: []byte{0x78, 0x9c}}
		w.codes(258, map[int]uint32{'a': 2, 256: 2, 257: 1}, 1)
		w.b[2] &^= 1 // not the last block
		for range 1000 {
			w.code(2, 2)
		}
		w.code(3, 2)
		block(w)
		w.put(0, 3)
		w.align()
		w.b = append(w.b, 0, 0, 0xff, 0xff)
		return append(w.b, bytes.Repeat([]byte{0, 0, 0, 0xff, 0xff}, 20_000)...)
	}
	good := stored(func(w *bitWriter) {
		w.put(1<<1, 3)
		w.lit('b')
		w.lit(256)
	})
	k := decoded(t, good, 2, int64(len(good)))
	if !k.ok || k.start != 16 || k.pieces[0].end != windowBytes+1001 || k.pieces[0].out16[windowBytes+1000] != 'b' {
		t.Fatalf("nothing is wrong: %v, from bit %d", k.ok, k.start)
	}
	k.release()
	for _, o := range oddities {
		if o.want == badDistance {
			continue
		}
		bad := stored(o.block)
		if k := decoded(t, bad, 2, int64(len(bad))); k.ok {
			t.Errorf("%s: it is not", o.name)
			k.release()
		}
	}
}

// The fast loop cannot go on to the last byte; the Decoder does.
func TestAChunkEndsBeforeTheObjectDoes(t *testing.T) {
	if !haveFast {
		t.Skip("not in this run: purego does not decode ahead")
	}
	w := &bitWriter{b: []byte{0x78, 0x9c}}
	w.codes(258, map[int]uint32{'a': 2, 256: 2, 257: 1}, 1)
	w.b[2] &^= 1 // not the last block
	for range 20_000 {
		w.code(2, 2)
	}
	for cut := range 40 {
		stored := bytes.Clone(w.b[:len(w.b)-cut])
		k := decoded(t, stored, 2, int64(len(stored)))
		if !k.ok || k.atEnd || len(k.pieces) != 1 || k.pieces[0].end < windowBytes+19_000 {
			t.Fatalf("%d bytes less: %v, at the end %v, %d pieces", cut, k.ok, k.atEnd, len(k.pieces))
		}
		k.release()
	}
}

func TestAChunkThatRefersToWhatIsNotThereIsRefused(t *testing.T) {
	if !haveFast {
		t.Skip("not in this run: purego does not decode ahead")
	}
	for value, want := range map[uint16]string{256: badDistance, 256 + windowBytes - 1: badDistance, 255: ""} {
		d := New(&memory{b: make([]byte, 100)}, Options{Workers: 2})
		p := piece{out16: pool16.Get().(*buffer16), end: windowBytes + 1}
		p.out16[windowBytes] = value
		d.take(t.Context(), &chunk{pieces: []piece{p}}) // at the start of all: no byte is before it
		if err := d.nextPiece(t.Context()); reason(err) != want {
			t.Errorf("%d: %v, not %q", value, err, want)
		}
		d.Close()
	}
}

// Runs of zeros are joined only over zeros.
func TestZerosThatAreReportedAreZero(t *testing.T) {
	want := make([]byte, 800<<10)
	for i := range 4 {
		want[(i+1)*130<<10+i] = 'x'
	}
	stored := compress(t, want, 6)
	eachLoop(t, func(t *testing.T, use loops) {
		var n notes
		d := New(&memory{b: stored}, Options{Observer: &n})
		defer d.Close()
		d.loops = use
		if got, err := inSteps(d, 1<<20); !bytes.Equal(got, want) {
			t.Fatal(err)
		}
		if len(n.zeros) == 0 {
			t.Error("no zeros")
		}
		for _, z := range n.zeros {
			if !bytes.Equal(want[z.Off:z.Off+z.Len], make([]byte, z.Len)) {
				t.Errorf("bytes %d to %d are not zero", z.Off, z.Off+z.Len)
			}
		}
	})
}
