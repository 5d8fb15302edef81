package unzstd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// log is an Observer that remembers.
type log struct {
	t     testing.TB
	cps   []stream.Checkpoint
	zeros [][2]int64
}

func (l *log) Checkpoint(cp stream.Checkpoint) {
	if n := len(l.cps); n > 0 && cp.Out <= l.cps[n-1].Out {
		l.t.Errorf("checkpoint at %d after one at %d", cp.Out, l.cps[n-1].Out)
	}
	l.cps = append(l.cps, cp)
}

func (l *log) Zeros(off, n int64) {
	if k := len(l.zeros); k > 0 && off < l.zeros[k-1][0]+l.zeros[k-1][1] {
		l.t.Errorf("zeros at %d after those at %d", off, l.zeros[k-1])
	}
	l.zeros = append(l.zeros, [2]int64{off, n})
}

// index decodes stored whole and returns what was observed.
func index(t testing.TB, stored, want []byte, spacing int64) *log {
	t.Helper()
	l := &log{t: t}
	got, err := decodeAll(t, New(memory(stored), Options{Observer: l, Spacing: spacing}), 1<<18)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes of %d, error %v", len(got), len(want), err)
	}
	for _, z := range l.zeros {
		if len(bytes.Trim(want[z[0]:z[0]+z[1]], "\x00")) > 0 {
			t.Fatalf("not zero: %d", z)
		}
	}
	return l
}

// kinds of stored forms of an image that are worth resuming in.
func storedForms(img []byte) map[string]func(t testing.TB) []byte {
	return map[string]func(t testing.TB) []byte{
		"klauspost fastest": func(t testing.TB) []byte {
			return klauspost(t, img, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(512<<10))
		},
		"klauspost default, window 256 KiB": func(t testing.TB) []byte { return klauspost(t, img, zstd.WithWindowSize(256<<10)) },
		"klauspost best": func(t testing.TB) []byte {
			return klauspost(t, img, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(1<<20))
		},
		"klauspost, window 8 KiB": func(t testing.TB) []byte { return klauspost(t, img, zstd.WithWindowSize(8<<10)) },
		"frames": func(t testing.TB) []byte {
			return join(skippable(1), klauspost(t, img[:100000]), skippable(2), klauspost(t, img[100000:1<<20]), klauspost(t, img[1<<20:]))
		},
		"many small frames": func(t testing.TB) []byte {
			var parts [][]byte
			for at := 0; at < len(img); at += 50000 {
				parts = append(parts, klauspost(t, img[at:min(at+50000, len(img))]))
			}
			return join(parts...)
		},
		"zstd -1":              func(t testing.TB) []byte { return program(t, img, "-1") },
		"zstd -3, jobs":        func(t testing.TB) []byte { return program(t, img, "-3", "-T2", "-B512KiB") },
		"zstd -9":              func(t testing.TB) []byte { return program(t, img, "-9", "--no-check") },
		"zstd -19":             func(t testing.TB) []byte { return program(t, img, "-19") },
		"zstd -3 --long=22":    func(t testing.TB) []byte { return program(t, img, "--long=22") },
		"zstd -5 --zstd=wlog=": func(t testing.TB) []byte { return program(t, img, "-5", "--zstd=wlog=17") },
	}
}

func TestReadsFromEveryCheckpointEqualTheImage(t *testing.T) {
	img := image(11, 5<<19)
	ctx := context.Background()
	for name, form := range storedForms(img) {
		t.Run(name, func(t *testing.T) {
			stored := form(t)
			l := index(t, stored, img, 256<<10)
			if len(l.cps) < 2 {
				t.Fatalf("%d checkpoints", len(l.cps))
			}
			r := rand.New(rand.NewSource(1))
			last := int64(0)
			for _, cp := range append(l.cps, stream.Checkpoint{Out: int64(len(img))}) {
				if cp.Out-last > 2<<20 {
					t.Errorf("no checkpoint between %d and %d", last, cp.Out)
				}
				last = cp.Out
			}
			for i, cp := range l.cps {
				d, err := Resume(memory(stored), cp, Options{Buffers: used(1 << 20)})
				if err != nil {
					t.Fatal(err)
				}
				if d.Offset() != cp.Out {
					t.Fatalf("offset %d, want %d", d.Offset(), cp.Out)
				}
				for d.Offset() < int64(len(img)) {
					at := int(d.Offset())
					n := min(1+r.Intn(200000), len(img)-at)
					p := make([]byte, n)
					if got, err := d.Read(ctx, p); got != n || err != nil || !bytes.Equal(p, img[at:at+n]) {
						t.Fatalf("checkpoint %d at %d: read of %d at %d: %d bytes, error %v, equal %v", i, cp.Out, n, at, got, err, bytes.Equal(p[:got], img[at:at+got]))
					}
					if i%4 != 0 && at > int(cp.Out)+1<<19 {
						break // not all the way each time
					}
					d.Skip(ctx, int64(min(r.Intn(100000), len(img)-int(d.Offset()))))
				}
				if d.Offset() == int64(len(img)) {
					if err := d.Finish(ctx); err != nil {
						t.Fatal(err)
					}
				}
				d.Close()
			}
		})
	}
}

func TestAnIndexIsFinishedFromItsLastCheckpoint(t *testing.T) {
	img := image(12, 4<<20)
	stored := klauspost(t, img, zstd.WithWindowSize(512<<10))
	all := index(t, stored, img, 256<<10)
	l := &log{t: t}
	d, err := Resume(memory(stored), all.cps[3], Options{Observer: l, Spacing: 256 << 10, Buffers: used(3 << 20)})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeAll(t, d, 1<<18); err != nil || !bytes.Equal(got, img[all.cps[3].Out:]) {
		t.Fatal(err)
	}
	if len(l.cps) != len(all.cps)-4 {
		t.Fatalf("%d checkpoints after the fourth, want %d", len(l.cps), len(all.cps)-4)
	}
	for i, cp := range l.cps {
		want := all.cps[i+4]
		if cp.In != want.In || cp.Out != want.Out || !bytes.Equal(cp.State, want.State) {
			t.Fatalf("checkpoint %d differs: %d/%d, %d/%d", i, cp.In, cp.Out, want.In, want.Out)
		}
	}
}

func TestHostileCheckpointsDoNoHarm(t *testing.T) {
	img := image(13, 3<<20)
	stored := klauspost(t, img, zstd.WithWindowSize(512<<10))
	cps := index(t, stored, img, 512<<10).cps
	r := rand.New(rand.NewSource(2))
	for range 500 {
		cp := cps[r.Intn(len(cps))]
		cp.State = bytes.Clone(cp.State)
		switch r.Intn(4) {
		case 0:
			cp.State = cp.State[:r.Intn(len(cp.State))]
		case 1:
			cp.In += int64(r.Intn(4096) - 2048)
		case 2:
			cp.Out -= int64(r.Intn(1 << 21))
		default:
			for range 1 + r.Intn(3) {
				cp.State[r.Intn(min(len(cp.State), 1+1<<r.Intn(12)))] ^= 1 << r.Intn(8)
			}
		}
		tryCheckpoint(t, stored, cp)
	}
	for _, cp := range []stream.Checkpoint{{In: -8, State: cps[0].State}, {In: 1 << 62}, {State: []byte{1}}, {Out: -1, State: frameStartState()}, {State: []byte{9, 1}}, {State: []byte{1, 1, 1}}} {
		if _, err := Resume(memory(stored), cp, Options{Buffers: used(1 << 20)}); !errors.Is(err, stream.ErrCorrupt) {
			t.Errorf("%v: %v", cp, err)
		}
	}
}

// tryCheckpoint decodes from cp: it must end in an error or in bounds.
func tryCheckpoint(t *testing.T, stored []byte, cp stream.Checkpoint) {
	t.Helper()
	d, err := Resume(memory(stored), cp, Options{Buffers: used(1 << 20)})
	if err != nil {
		if !errors.Is(err, stream.ErrCorrupt) {
			t.Fatal(err)
		}
		return
	}
	defer d.Close()
	n, err := d.Skip(context.Background(), 1<<20)
	if err != nil && err != io.EOF && !errors.Is(err, stream.ErrCorrupt) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ErrUnsupported) {
		t.Fatalf("after %d bytes: %v", n, err)
	}
	if m := d.MemoryBytes(); m > MaxWindow+4<<20 {
		t.Fatalf("%d bytes of memory", m)
	}
}

func TestZerosAreReported(t *testing.T) {
	img := join(image(14, 300000), make([]byte, 1<<20), image(15, 100000), make([]byte, 200000), image(16, 5000))
	sum := int64(0)
	for _, z := range index(t, klauspost(t, img), img, 0).zeros {
		sum += z[1]
	}
	if sum < 1<<20 {
		t.Fatalf("only %d zeros", sum)
	}
}

// What repeats like zeros and is not zero is not reported.
func TestRunsOfAnotherByteAreNoZeros(t *testing.T) {
	img := join(make([]byte, 300<<10), bytes.Repeat([]byte{'x'}, 700<<10), make([]byte, 300<<10), []byte("end"))
	if l := index(t, klauspost(t, img), img, 128<<10); len(l.zeros) == 0 {
		t.Error("no zeros")
	}
}

func TestEmptyBlocksTakeNoMemory(t *testing.T) {
	img := image(17, 300000)
	stored := klauspost(t, img, zstd.WithWindowSize(64<<10), zstd.WithEncoderCRC(false))
	// Cut the last block off and put half a million empty ones and one byte in its place.
	head, n, err := parseFrame(stored)
	if err != nil || head.content >= 0 {
		t.Fatal(head, err)
	}
	for {
		b := int(stored[n]) | int(stored[n+1])<<8 | int(stored[n+2])<<16
		if b&1 != 0 {
			stored[n] &^= 1
			n += 3 + b>>3
			break
		}
		if size := b >> 3; b>>1&3 == blockRLE {
			n += 4
		} else {
			n += 3 + size
		}
	}
	stored = join(stored[:n], make([]byte, 3<<19), []byte{1 | 1<<3, 0, 0, 'x'})
	d := New(memory(stored), Options{Observer: &log{t: t}, Spacing: 300000})
	got, err := decodeAll(t, d, 1<<16)
	if err != nil || !bytes.Equal(got, join(img, []byte("x"))) {
		t.Fatalf("%d bytes, error %v", len(got), err)
	}
	if m := d.MemoryBytes(); m > 4<<20 {
		t.Fatalf("%d bytes of memory", m)
	}
}
