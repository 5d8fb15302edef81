package unzstd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os/exec"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// memory is a Source in memory.
type memory []byte

func (m memory) Size() int64 { return int64(len(m)) }
func (m memory) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return bytes.NewReader(m).ReadAt(p, off)
}

// decodeAll reads d to its end in pieces.
func decodeAll(t testing.TB, d *Decoder, piece int) ([]byte, error) {
	t.Helper()
	var out []byte
	for p := make([]byte, piece); ; {
		n, err := d.Read(context.Background(), p)
		out = append(out, p[:n]...)
		if int64(len(out)) > 256<<20 {
			t.Fatal("decodes without end")
		}
		if err == io.EOF {
			return out, d.Finish(context.Background())
		}
		if err != nil {
			return out, err
		}
	}
}

// image makes bytes like those of a disk: text, binary records, random bytes,
// copies from far away, and runs of zeros.
func image(seed int64, size int) []byte {
	r := rand.New(rand.NewSource(seed))
	words := make([][]byte, 400)
	for i := range words {
		words[i] = make([]byte, 2+r.Intn(9))
		for j := range words[i] {
			words[i][j] = byte('a' + r.Intn(26))
		}
	}
	var b []byte
	for len(b) < size {
		switch n := 1 + r.Intn(40000); r.Intn(7) {
		case 0:
			b = append(b, make([]byte, n*4)...)
		case 1:
			random := make([]byte, n/2)
			r.Read(random)
			b = append(b, random...)
		case 2:
			if len(b) > 0 {
				from := r.Intn(len(b))
				b = append(b, b[from:min(from+n, len(b))]...)
			}
		case 3:
			for range n / 16 {
				b = append(b, 0x10, byte(r.Intn(4)), 0, 0, byte(r.Intn(256)), byte(r.Intn(256)), 0, 0, 0, 0, 0, 0)
			}
		case 4:
			period := 1 + r.Intn(20)
			for i := range n {
				b = append(b, byte(i%period))
			}
		default:
			for range n / 6 {
				b = append(b, words[min(r.Intn(400), r.Intn(400))]...)
				b = append(b, ' ')
			}
		}
	}
	return b[:size]
}

// klauspost compresses b.
func klauspost(t testing.TB, b []byte, opts ...zstd.EOption) []byte {
	t.Helper()
	var out bytes.Buffer
	e, err := zstd.NewWriter(&out, append([]zstd.EOption{zstd.WithEncoderConcurrency(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// program compresses b with the zstd program.
func program(t testing.TB, b []byte, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("zstd")
	if err != nil {
		need.Missing(t, "the zstd program is not installed")
	}
	c := exec.Command(path, append(args, "-c", "-q")...)
	c.Stdin = bytes.NewReader(b)
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func skippable(n int) []byte {
	return append([]byte{0x53, 0x2a, 0x4d, 0x18, byte(n), byte(n >> 8), 0, 0}, make([]byte, n)...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestDecodesFramesOfEveryKind(t *testing.T) {
	img := image(1, 1<<20)
	text := img[:100000]
	for _, c := range []struct {
		name   string
		stored func(t *testing.T) []byte
		want   []byte
	}{
		{"an empty frame", func(t *testing.T) []byte { return klauspost(t, nil, zstd.WithZeroFrames(true)) }, nil},
		{"one byte", func(t *testing.T) []byte { return klauspost(t, img[:1]) }, img[:1]},
		{"klauspost fastest", func(t *testing.T) []byte { return klauspost(t, img, zstd.WithEncoderLevel(zstd.SpeedFastest)) }, img},
		{"klauspost best", func(t *testing.T) []byte {
			return klauspost(t, img, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
		}, img},
		{"a small window, so that the ring wraps often", func(t *testing.T) []byte {
			return klauspost(t, img, zstd.WithWindowSize(4<<10))
		}, img},
		{"a window of 128 KiB", func(t *testing.T) []byte { return klauspost(t, img, zstd.WithWindowSize(128<<10)) }, img},
		{"a single segment", func(t *testing.T) []byte {
			e, _ := zstd.NewWriter(nil, zstd.WithSingleSegment(true))
			return e.EncodeAll(img, nil)
		}, img},
		{"without checksum", func(t *testing.T) []byte { return klauspost(t, img, zstd.WithEncoderCRC(false)) }, img},
		{"zeros only", func(t *testing.T) []byte { return klauspost(t, make([]byte, 1<<20)) }, make([]byte, 1<<20)},
		{"several frames, skippable ones before and between", func(t *testing.T) []byte {
			return join(skippable(5), klauspost(t, text), skippable(0), skippable(300), klauspost(t, img), klauspost(t, nil, zstd.WithZeroFrames(true)))
		}, join(text, img)},
		{"bytes after the end", func(t *testing.T) []byte { return join(klauspost(t, img), []byte("not zstd")) }, img},
		{"zstd -1", func(t *testing.T) []byte { return program(t, img, "-1") }, img},
		{"zstd -3 with threads", func(t *testing.T) []byte { return program(t, img, "-3", "-T2", "-B512KiB") }, img},
		{"zstd -9 without checksum", func(t *testing.T) []byte { return program(t, img, "-9", "--no-check") }, img},
		{"zstd -19", func(t *testing.T) []byte { return program(t, img, "-19") }, img},
		{"zstd --ultra -22", func(t *testing.T) []byte { return program(t, img[:256<<10], "--ultra", "-22") }, img[:256<<10]},
		{"zstd --long=27", func(t *testing.T) []byte { return program(t, img, "--long=27") }, img},
	} {
		t.Run(c.name, func(t *testing.T) {
			stored := c.stored(t)
			for _, piece := range []int{1 << 20, 4099} {
				d := New(memory(stored), Options{})
				got, err := decodeAll(t, d, piece)
				if err != nil || !bytes.Equal(got, c.want) {
					t.Fatalf("in pieces of %d: %d bytes of %d, equal %v, error %v", piece, len(got), len(c.want), bytes.Equal(got, c.want), err)
				}
				d.Close()
			}
		})
	}
}

func TestRefusesWhatItCannotDecode(t *testing.T) {
	good := klauspost(t, image(2, 100000))
	badSum := bytes.Clone(good)
	badSum[len(badSum)-1] ^= 1
	for _, c := range []struct {
		name   string
		stored []byte
		want   error
	}{
		{"nothing at all", nil, io.ErrUnexpectedEOF},
		{"no frame", []byte("hello, world"), stream.ErrCorrupt},
		{"only a skippable frame", skippable(3), io.ErrUnexpectedEOF},
		{"a skippable frame that is cut", skippable(9)[:12], io.ErrUnexpectedEOF},
		{"a dictionary", []byte{0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 0, 1, 0, 0}, ErrUnsupported},
		{"a window of 4 GiB", []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 22 << 3, 1, 0, 0}, ErrUnsupported},
		{"a reserved block", []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0, 7, 0, 0}, stream.ErrCorrupt},
		{"a wrong checksum", badSum, stream.ErrCorrupt},
		{"less than its announced size", []byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, 2, 1, 0, 0}, stream.ErrCorrupt},
		{"more than its announced size", []byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, 2, 0x23, 0, 0, 'x', 'x', 'x', 'x'}, stream.ErrCorrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := New(memory(c.stored), Options{})
			_, err := decodeAll(t, d, 4096)
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if _, again := d.Read(context.Background(), make([]byte, 1)); again != err {
				t.Fatalf("the error changed from %v to %v", err, again)
			}
		})
	}
}

func TestTruncatedObjectsEndUnexpectedly(t *testing.T) {
	img := image(3, 300000)
	good := klauspost(t, img)
	for n := 0; n < len(good); n += 1 + n/50 {
		got, err := decodeAll(t, New(memory(good[:n]), Options{}), 1<<16)
		if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasPrefix(img, got) {
			t.Fatalf("cut to %d of %d: error %v, %d bytes", n, len(good), err, len(got))
		}
	}
}

func TestFlippedBitsAreFoundByTheChecksum(t *testing.T) {
	img := image(4, 200000)
	good := klauspost(t, img)
	r := rand.New(rand.NewSource(5))
	for range 100 {
		bad := bytes.Clone(good)
		bit := r.Intn(8 * len(bad))
		bad[bit/8] ^= 1 << (bit % 8)
		got, err := decodeAll(t, New(memory(bad), Options{}), 1<<16)
		if err == nil && !bytes.Equal(got, img) {
			t.Fatalf("bit %d: wrong bytes and no error", bit)
		}
		if err != nil && !errors.Is(err, stream.ErrCorrupt) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ErrUnsupported) {
			t.Fatalf("bit %d: error %v of no kind", bit, err)
		}
	}
}

var errDisk = errors.New("stale file handle")

// failing fails every read that goes beyond good.
type failing struct {
	memory
	good int64
	err  error
}

func (f *failing) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.good {
		return 0, f.err
	}
	return f.memory.ReadAt(ctx, p, off)
}

func TestSourceErrorsAreWrappedAndLast(t *testing.T) {
	src := &failing{klauspost(t, image(6, 3<<20)), 200000, errDisk}
	d := New(src, Options{})
	_, err := decodeAll(t, d, 1<<16)
	if !errors.Is(err, errDisk) {
		t.Fatal(err)
	}
	src.good = 1 << 30
	if _, again := d.Read(context.Background(), make([]byte, 1)); again != err {
		t.Fatalf("the error changed from %v to %v", err, again)
	}
}

// ending gives good bytes and then err, although it says that there are more.
type ending struct {
	memory
	good int64
	err  error
}

func (e *ending) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= e.good {
		return copy(p, e.memory[off:]), nil
	}
	return copy(p, e.memory[min(off, e.good):e.good]), e.err
}

// Wherever the source fails, in a header too, that is not taken for the end of the object nor for
// damage; one that has become shorter is.
func TestTroubleOfTheSourceIsToldFromTheEndOfTheObject(t *testing.T) {
	skippable := []byte{0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'}
	frame := klauspost(t, []byte("some text"))
	stored := join(skippable, frame, skippable, frame)
	for said, want := range map[error]error{errDisk: errDisk, io.EOF: io.ErrUnexpectedEOF, nil: io.ErrUnexpectedEOF} {
		for good := range int64(len(stored)) {
			for way, d := range map[string]*Decoder{
				"plain": New(&ending{stored, good, said}, Options{}), "ahead": aheadFrom(&ending{stored, good, said}, 0),
			} {
				if _, err := decodeAll(t, d, 7); !errors.Is(err, want) || errors.Is(err, stream.ErrCorrupt) {
					t.Errorf("%s: %v after %d bytes: %v, want %v", way, said, good, err, want)
				}
				d.Close()
			}
		}
	}
	// The first read is of the magic number alone.
	if _, err := decodeAll(t, New(&ending{frame, 4, errDisk}, Options{}), 7); !errors.Is(err, errDisk) {
		t.Errorf("in the middle of a header: %v", err)
	}
}

func TestAStoppedDecoderGoesOn(t *testing.T) {
	img := image(7, 3<<20)
	d := New(memory(klauspost(t, img)), Options{})
	stopped, stop := context.WithCancel(context.Background())
	stop()
	var got []byte
	for {
		p := make([]byte, maxBlock+1)
		n, err := d.Read(stopped, p)
		if err != context.Canceled || n > maxBlock {
			t.Fatalf("stopped: %d bytes, %v", n, err)
		}
		got = append(got, p[:n]...) // what was decoded before
		n, err = d.Read(context.Background(), p)
		got = append(got, p[:n]...)
		if d.Offset() != int64(len(got)) {
			t.Fatalf("offset %d after %d bytes", d.Offset(), len(got))
		}
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if n, err := d.Skip(context.Background(), 1000); err == nil && n != 1000 {
			t.Fatal(n)
		} else {
			got = append(got, img[len(got):len(got)+int(n)]...)
		}
	}
	if !bytes.Equal(got, img) {
		t.Fatal("not the image")
	}
}

func TestFinishBeforeTheEndIsRefused(t *testing.T) {
	d := New(memory(klauspost(t, image(8, 1<<20))), Options{})
	if _, err := d.Skip(context.Background(), 1<<20-1); err != nil {
		t.Fatal(err)
	}
	if err := d.Finish(context.Background()); !errors.Is(err, stream.ErrCorrupt) {
		t.Fatal(err)
	}
}

func ExampleNew() {
	e, _ := zstd.NewWriter(nil)
	d := New(memory(e.EncodeAll([]byte("hello, world"), nil)), Options{})
	defer d.Close()
	p := make([]byte, 5)
	d.Skip(context.Background(), 7)
	d.Read(context.Background(), p)
	fmt.Printf("%s\n", p)
	// Output: world
}
