package inflate

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"
)

// bigSample compresses to several strides.
func bigSample(t testing.TB) (stored, want []byte) {
	want = append(diskLike(2<<20, 21), make([]byte, 1<<20)...)
	want = append(want, diskLike(3<<20, 22)...)
	return compress(t, want, 1), want
}

// small makes chunks that fit the sample.
func small(d *Decoder) *Decoder {
	if d.ahead != nil {
		d.ahead.divide(200 << 10)
	}
	return d
}

func TestDecodingAheadGivesTheSameBytesAndCheckpoints(t *testing.T) {
	stored, want := bigSample(t)
	src := &memory{b: stored}
	for _, workers := range []int{2, 4} {
		var n notes
		d := small(New(src, Options{Workers: workers, Observer: &n}))
		got, err := readAll(d, 1<<20)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d workers: %d of %d bytes, error %v", workers, len(got), len(want), err)
		}
		if d.MemoryBytes() <= 0 {
			t.Error("no memory?")
		}
		d.Close()
		if len(n.points) < len(want)/(2*DefaultSpacing) {
			t.Errorf("%d checkpoints", len(n.points))
		}
		for i, cp := range n.points {
			if i > 0 && cp.Out <= n.points[i-1].Out {
				t.Fatal("checkpoints out of order")
			}
			d, err := Resume(src, cp, Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, min(len(want)-int(cp.Out), 200<<10))
			if _, err := d.Read(context.Background(), got); err != nil || !bytes.Equal(got, want[cp.Out:][:len(got)]) {
				t.Fatalf("resumed at %d: error %v or wrong bytes", cp.Out, err)
			}
			d.Close()
		}
		for _, z := range n.zeros {
			if !allZero(want[z.Off : z.Off+z.Len]) {
				t.Errorf("not zero: %v", z)
			}
		}
		// A resumed decoder decodes ahead as well.
		cp := n.points[len(n.points)/3]
		d, err = Resume(src, cp, Options{Workers: workers, MaxBytes: 1})
		if err != nil {
			t.Fatal(err)
		}
		if small(d); d.ahead != nil {
			d.ahead.skipTo(cp.In / 8)
		}
		if k, err := d.Skip(context.Background(), 1<<20+7); k != 1<<20+7 || err != nil {
			t.Fatal(k, err)
		}
		if got, err := readAll(d, 100001); err != nil || !bytes.Equal(got, want[cp.Out+1<<20+7:]) {
			t.Fatalf("resumed with %d workers: error %v or wrong bytes", workers, err)
		}
		d.Close()
	}
}

func TestDecodingAheadTakesChunksOver(t *testing.T) {
	if !haveFast {
		t.Skip("not in this run: purego does not decode ahead")
	}
	stored, want := bigSample(t)
	src := &memory{b: stored}
	d := small(New(src, Options{Workers: 2}))
	defer d.Close()
	taken := 0
	for {
		startTarget(d.ahead)
		before := d.ahead.taken
		n, err := d.Skip(context.Background(), 64<<10)
		if d.ahead.taken != nil && before == nil {
			taken++
		}
		if n < 64<<10 || err != nil {
			break
		}
	}
	if taken == 0 || d.Offset() != int64(len(want)) {
		t.Fatalf("took %d chunks over, at %d", taken, d.Offset())
	}
}

// startTarget waits until a worker has begun the chunk that comes next, as on a busy machine the
// Decoder would be there first and not leave it to the worker.
func startTarget(a *ahead) {
	for a.expect(); ; time.Sleep(time.Millisecond) {
		a.mu.Lock()
		wait := a.running > 0 && a.next <= a.target
		a.mu.Unlock()
		if !wait {
			return
		}
	}
}

func TestDamageGivesTheSameErrorsWithDecodingAhead(t *testing.T) {
	stored, _ := bigSample(t)
	for _, at := range []int{len(stored) / 5, len(stored) / 2, len(stored) - 3} {
		bad := bytes.Clone(stored)
		bad[at] ^= 0x10
		one := New(&memory{b: bad}, Options{})
		want, wantErr := readAll(one, 1<<20)
		one.Close()
		d := small(New(&memory{b: bad}, Options{Workers: 3}))
		got, err := readAll(d, 1<<20)
		d.Close()
		if !bytes.Equal(got, want) || (err == nil) != (wantErr == nil) {
			t.Errorf("damage at %d: %d bytes, %v; one worker: %d bytes, %v", at, len(got), err, len(want), wantErr)
		}
	}
}

func TestCloseAndCancelEndDecodingAhead(t *testing.T) {
	stored, want := bigSample(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	src := &memory{b: stored, fail: func(off int64) error {
		if off > int64(len(stored))/3 {
			cancel()
		}
		return nil
	}}
	d := small(New(src, Options{Workers: 2}))
	n, err := d.Skip(ctx, 1<<40)
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	p := make([]byte, min(100<<10, len(want)-int(n)))
	if _, err := d.Read(context.Background(), p); err != nil || !bytes.Equal(p, want[n:][:len(p)]) {
		t.Fatalf("continued at %d: error %v or wrong bytes", n, err)
	}
	d.Close() // waits for its goroutines
}
