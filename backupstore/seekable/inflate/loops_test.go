package inflate

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"

	"golang.org/x/sys/unix"
)

// noLoop is set where the processor is known to lack what the loop in assembly needs.
const noLoop = "RESTOREFS_TEST_NO_LOOP"

func TestAProcessorWithoutBMI2HasGosLoop(t *testing.T) {
	if os.Getenv(noLoop) == "" {
		t.Skip(need.NotInThisRun + "make test-arch has such a processor")
	}
	if hasLoop {
		t.Fatal("the loop in assembly would be used")
	}
}

// Entries stand for what RFC 1951, 3.2.5, says, and lead to a place inside of the tables.
func TestEntriesStandForWhatTheRFCSays(t *testing.T) {
	next := uint64(3)
	for s := 257; s < 285; s++ {
		e := symbols.lit[s]
		if got := matchLength(e, 0); got != next || e>>8&255 != distBits || uint(e&255) != lengthExtra(e) {
			t.Errorf("symbol %d is a length of %d, entry %#x", s, got, e)
		}
		next += 1 << lengthExtra(e)
	}
	if e := symbols.lit[285]; next != 259 || matchLength(e, 0) != matchMax || lengthExtra(e) != 0 {
		t.Errorf("the last length is %d, entry %#x", matchLength(e, 0), e)
	}
	next = 1
	for s, e := range symbols.dist[:30] {
		if got := matchDistance(e, 0); got != next || e>>8&255 != litBits || uint(e&255) != distanceExtra(e) {
			t.Errorf("symbol %d is a distance of %d, entry %#x", s, got, e)
		}
		next += 1 << distanceExtra(e)
	}
	if next != windowBytes+1 {
		t.Errorf("the farthest distance is %d", next-1)
	}
	for _, table := range [][]uint32{fixedTables.lit[:], fixedTables.dist[:], symbols.lit[:], symbols.dist[:]} {
		for _, e := range table {
			if e>>8&255 > litBits {
				t.Errorf("entry %#x would lead out of the tables", e)
			}
		}
	}
	if litRoom < 1<<litBits || distRoom+litRoom < 1<<litBits {
		t.Error("an index of the root is not inside of the tables")
	}
}

// fenced returns n bytes that begin at, or with atEnd end at, a page that nobody may touch; a
// multiple of a page does both.
func fenced(tb testing.TB, n int, atEnd bool) []byte {
	page := os.Getpagesize()
	size := (n + page - 1) &^ (page - 1)
	b, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { unix.Munmap(b) })
	for _, fence := range [][]byte{b[:page], b[page+size:]} {
		if err := unix.Mprotect(fence, unix.PROT_NONE); err != nil {
			tb.Fatal(err)
		}
	}
	if atEnd {
		return b[page+size-n : page+size : page+size]
	}
	return b[page : page+n : page+n]
}

// fencedOut is as large as the output buffer of a Decoder, but for what makes it end at a fence.
func fencedOut(tb testing.TB) []byte {
	return fenced(tb, (outBytes+outMargin)&^(os.Getpagesize()-1), true)
}

// fencedCore decodes DEFLATE data, all of which is in its buffer, into out.
func fencedCore(tb testing.TB, data, out []byte, atEnd bool, use loops) *core {
	c := &core{own: new(tables), out: out, loops: use}
	c.marks = newMarks(Options{Observer: &notes{}, Spacing: minSpacing})
	c.in.src = &memory{b: data}
	c.in.buf = fenced(tb, len(data), atEnd)
	copy(c.in.buf, data)
	return c
}

// inLockstep decodes data by the loop of this processor and by Go's, in steps as r says, between
// fences, and compares where they stand after each. What comes out is compared with careful's.
func inLockstep(tb testing.TB, data []byte, r *rand.Rand, outs [2][]byte) {
	ctx := context.Background()
	own := fencedCore(tb, data, outs[0], true, allLoops)
	twin := fencedCore(tb, data, outs[1], false, portable)
	var all []byte
	var err error
	for own.state != atEnd && err == nil && len(all) < fuzzLimit {
		before := own.pos
		limit := before + 1 + r.IntN(1<<(2+r.IntN(15)))
		limit = min(limit, len(own.out)-outMargin)
		err = own.decode(ctx, limit)
		twinErr := twin.decode(ctx, limit)
		if own.pos != twin.pos || own.in.bit() != twin.in.bit() || own.state != twin.state ||
			own.run != twin.run || (err == nil) != (twinErr == nil) ||
			err != nil && err.Error() != twinErr.Error() {
			tb.Fatalf("at %d, bit %d, in state %d, %v; Go's loop at %d, bit %d, in state %d, %v",
				own.offset(), own.in.bit(), own.state, err,
				twin.offset(), twin.in.bit(), twin.state, twinErr)
		}
		if !bytes.Equal(own.out[before:own.pos], twin.out[before:own.pos]) {
			tb.Fatalf("other bytes than Go's loop before %d", own.offset())
		}
		if !slices.Equal(own.marks.refs, twin.marks.refs) {
			tb.Fatalf("at %d: %v are noted, by Go's loop %v", own.offset(), own.marks.refs,
				twin.marks.refs)
		}
		all = append(all, own.out[before:own.pos]...)
		if own.pos > len(own.out)-outMargin-1000 {
			for _, c := range []*core{own, twin} {
				shift := c.pos - windowBytes
				copy(c.out, c.out[shift:c.pos])
				c.pos -= shift
				c.base += int64(shift)
			}
		}
	}
	seen, twinSeen := own.marks.observer.(*notes), twin.marks.observer.(*notes)
	if !slices.Equal(seen.zeros, twinSeen.zeros) || len(seen.points) != len(twinSeen.points) {
		tb.Fatalf("%d checkpoints, zeros %v; by Go's loop %d and %v", len(seen.points), seen.zeros,
			len(twinSeen.points), twinSeen.zeros)
	}
	for i, p := range seen.points {
		if q := twinSeen.points[i]; p.In != q.In || p.Out != q.Out || !bytes.Equal(p.State, q.State) {
			tb.Fatalf("checkpoint %d at %d is not that of Go's loop, at %d", i, p.Out, q.Out)
		}
	}
	careful, carefulErr := decodeDeflate(data, onlyCareful, nil)
	n := min(len(all), len(careful))
	if !bytes.Equal(all[:n], careful[:n]) || n < fuzzLimit &&
		(len(all) != len(careful) || reason(err) != reason(carefulErr)) {
		tb.Fatalf("%d bytes, %v; careful has %d, %v", len(all), err, len(careful), carefulErr)
	}
}

func TestLoopsStayTogetherAndBetweenFences(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 17))
	var streams [][]byte
	for _, s := range sample(t) {
		streams = append(streams, s.stored[2:])
	}
	for seed := range uint64(2) {
		streams = append(streams, oddBlock(seed))
	}
	for _, o := range oddities {
		stored, _, _ := o.stream()
		streams = append(streams, stored[2:], append(stored[2:len(stored):len(stored)], make([]byte, 64)...))
	}
	outs := [2][]byte{fencedOut(t), fencedOut(t)}
	for _, data := range streams {
		inLockstep(t, data, r, outs)
		for range 2 { // damaged and cut
			bad := bytes.Clone(data[:min(len(data), 40<<10)])
			for range 1 + r.IntN(3) {
				bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
			}
			inLockstep(t, bad[:len(bad)-r.IntN(1+len(bad)/2)], r, outs)
		}
	}
}

// FuzzLoops compares the loop of this processor with Go's, and both with careful.
func FuzzLoops(f *testing.F) {
	seeds(f)
	for _, o := range oddities {
		stored, _, _ := o.stream()
		f.Add(append(stored[2:], make([]byte, 64)...))
	}
	outs := [2][]byte{fencedOut(f), fencedOut(f)}
	f.Fuzz(func(t *testing.T, data []byte) {
		inLockstep(t, data, rand.New(rand.NewPCG(uint64(len(data)), 1)), outs)
	})
}
