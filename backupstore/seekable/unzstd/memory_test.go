package unzstd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// windowed is a frame whose header asks for a window of 1<<log bytes, and tells
// the size of its content if tell is set: n bytes of one value, in blocks.
func windowed(log int, tell bool, n int) []byte {
	b := binary.LittleEndian.AppendUint32(nil, frameMagic)
	if tell {
		b = append(b, 3<<6, byte(log-10)<<3)
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	} else {
		b = append(b, 0, byte(log-10)<<3)
	}
	for first := true; n > 0 || first; first = false {
		size := min(n, maxBlock)
		n -= size
		head := size<<3 | blockRLE<<1
		if n == 0 {
			head |= 1
		}
		b = append(b, byte(head), byte(head>>8), byte(head>>16), 'w')
	}
	return b
}

// segment is a frame in a single segment whose content should have n bytes.
func segment(n uint64) []byte {
	b := binary.LittleEndian.AppendUint32(nil, frameMagic)
	b = append(b, 3<<6|1<<5)
	b = binary.LittleEndian.AppendUint64(b, n)
	return append(b, 1, 0, 0)
}

func TestAWindowTakesTheMemoryThatItIsAllowed(t *testing.T) {
	const mib = 1 << 20
	observed := Options{Observer: nobody{}}
	for _, c := range []struct {
		name   string
		stored []byte
		opt    Options
		want   int   // bytes decoded
		needs  int64 // MiB, of a MemoryError; -1: nothing suffices; 0: no such error
		other  error // another one
	}{
		{"128 MiB are allowed unless something is said", windowed(27, false, 10), Options{}, 10, 0, nil},
		{"256 MiB are not", windowed(28, false, 10), Options{}, 0, 258, nil},
		{"256 MiB where as much is allowed", windowed(28, false, 10), Options{MaxBytes: 258 * mib}, 10, 0, nil},
		{"256 MiB where a little less is allowed", windowed(28, false, 10), Options{MaxBytes: 256 * mib}, 0, 258, nil},
		{"2 GiB where as much is allowed", windowed(31, false, 10), Options{MaxBytes: 2050 * mib}, 10, 0, nil},
		{"256 MiB of a frame that says how short it is", windowed(28, true, 10), Options{MaxBytes: 2 * mib}, 10, 0, nil},
		{"256 MiB of an object known to be short", windowed(28, false, 10), Options{MaxBytes: 2 * mib, Length: 10}, 10, 0, nil},
		{"128 MiB behind a small frame", append(windowed(17, false, 10), windowed(27, false, 7)...), Options{MaxBytes: 20 * mib}, 10, 130, nil},
		{"a single segment of an exbibyte", segment(1 << 60), Options{MaxBytes: 8 * mib}, 0, 1 << 20, nil},
		{"a single segment of nearly 8 EiB", segment(1<<63 - 1), Options{}, 0, 1 << 20, nil},
		{"a single segment of 8 EiB", segment(1 << 63), Options{}, 0, 0, stream.ErrCorrupt},
		{"a header that asks for 2 TiB", windowed(41, false, 10), Options{MaxBytes: 8 * mib}, 0, 0, ErrUnsupported},
		{"a header that asks for 2 TiB and says how short it is", windowed(41, true, 10), Options{}, 0, 0, ErrUnsupported},
		{"256 MiB with checkpoints", windowed(28, false, 10), observed, 0, -1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			d := New(memory(c.stored), c.opt)
			defer d.Close()
			got, err := decodeAll(t, d, 4096)
			runtime.ReadMemStats(&after)
			if len(got) != c.want {
				t.Errorf("%d bytes were decoded, %d should be", len(got), c.want)
			}
			var short *MemoryError
			switch is := errors.As(err, &short); {
			case c.other != nil && !errors.Is(err, c.other):
				t.Errorf("error %v, want %v", err, c.other)
			case is && errors.Is(err, ErrUnsupported):
				t.Errorf("%v counts as damage", err)
			case c.needs == 0 && is:
				t.Errorf("it needs %d bytes: %v", short.Needs, err)
			case c.needs == -1 && (!is || short.Needs != math.MaxInt64):
				t.Errorf("error %v", err)
			case c.needs > 0 && (!is || mebibytes(short.Needs) < c.needs || mebibytes(short.Needs) > c.needs+2):
				t.Errorf("error %#v, and it needs %d MiB", err, c.needs)
			case c.needs == 0 && c.other == nil && err != nil && err != io.EOF:
				t.Error(err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 4*mib {
				t.Errorf("it allocated %d bytes", n)
			}
		})
	}
}

func TestAMatchReachesBackMoreThan128MiB(t *testing.T) {
	if testing.Short() {
		t.Skip("not in this run: which processor it is makes no difference")
	}
	far := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{7}).Read(far)
	zeros := make([]byte, 140<<20)
	var stored bytes.Buffer
	w, err := zstd.NewWriter(&stored, zstd.WithWindowSize(256<<20), zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range [][]byte{far, zeros, far} {
		if _, err := w.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if stored.Len() > 3<<19 {
		t.Fatalf("%d bytes: it does not reach so far", stored.Len())
	}
	for _, ahead := range []bool{false, true} {
		length := int64(2*len(far) + len(zeros))
		d := New(memory(stored.Bytes()), Options{MaxBytes: 150 << 20, Length: length, Ahead: ahead})
		if _, err := d.Skip(t.Context(), length-int64(len(far))); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(far))
		if _, err := d.Read(t.Context(), got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, far) {
			t.Error("other bytes")
		}
		if err := d.Finish(t.Context()); err != nil {
			t.Error(err)
		}
		d.Close()
	}
}
