package unzstd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// aheadFrom is New with a parser that begins after so many bytes.
func aheadFrom(src stream.Source, after int64) *Decoder {
	d := New(src, Options{Ahead: true})
	d.after = after
	return d
}

// errMemory stands for every MemoryError.
var errMemory = errors.New("more memory than there is")

// kindOf tells apart the errors that callers tell apart.
func kindOf(err error) error {
	for _, kind := range []error{stream.ErrCorrupt, io.ErrUnexpectedEOF, ErrUnsupported, io.EOF} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	if isMemoryError(err) {
		return errMemory
	}
	return err
}

// decodeSome decodes at most limit bytes in pieces, some of them skipped, and
// returns the others.
func decodeSome(d *Decoder, limit, piece int64, skips bool) (out []byte, err error) {
	ctx := context.Background()
	for i := 0; err == nil && d.Offset() < limit; i++ {
		n := min(piece, limit-d.Offset())
		if skips && i%3 == 2 {
			_, err = d.Skip(ctx, n)
			continue
		}
		at := len(out)
		out = append(out, make([]byte, n)...)
		var got int
		got, err = d.Read(ctx, out[at:])
		out = out[:at+got]
	}
	return out, err
}

func FuzzParsingAheadChangesNothing(f *testing.F) {
	for i, s := range seeds(f) {
		f.Add(s, int64(0), int64(1+i*700))
		f.Add(s, int64(i*500), int64(100_000))
	}
	// Its window, 3 GiB, is more than there is memory for; both say so.
	f.Add([]byte("\x28\xb5\x2f\xfd\x00\xac\x01\x00\x00"), int64(0), int64(100))
	f.Fuzz(func(t *testing.T, stored []byte, after, piece int64) {
		const limit = 512 << 10
		if piece < 1 || after < 0 {
			return
		}
		piece = max(piece, 16)
		plain, ahead := New(memory(stored), Options{}), aheadFrom(memory(stored), after)
		defer ahead.Close()
		want, werr := decodeSome(plain, limit, piece, piece%2 == 0)
		got, err := decodeSome(ahead, limit, piece, piece%2 == 0)
		if !bytes.Equal(got, want) || plain.Offset() != ahead.Offset() || kindOf(err) != kindOf(werr) {
			t.Fatalf("%d bytes to %d, %v; plain: %d to %d, %v", len(got), ahead.Offset(), err, len(want), plain.Offset(), werr)
		}
		if err == nil {
			if e, w := ahead.Finish(context.Background()), plain.Finish(context.Background()); kindOf(e) != kindOf(w) {
				t.Fatalf("finish: %v; plain: %v", e, w)
			}
		}
		if m := ahead.MemoryBytes(); m > 2*MaxWindow {
			t.Fatalf("%d bytes of memory", m)
		}
	})
}

func TestParsingAheadOfEveryForm(t *testing.T) {
	img := image(12, 2<<20)
	for name, form := range storedForms(img) {
		t.Run(name, func(t *testing.T) {
			stored := form(t)
			for _, after := range []int64{0, 1<<20 + 5} {
				d := aheadFrom(memory(stored), after)
				got, err := decodeAll(t, d, 100_000)
				if err != nil || !bytes.Equal(got, img) {
					t.Errorf("after %d: %d bytes, %v", after, len(got), err)
				}
				if (d.parser != nil) != (after < int64(len(img))) {
					t.Errorf("after %d: parser %v", after, d.parser)
				}
				d.Close()
			}
		})
	}
}

func TestACheckpointIsContinuedAhead(t *testing.T) {
	img := image(13, 3<<20)
	stored := klauspost(t, img, zstd.WithWindowSize(512<<10))
	for _, cp := range index(t, stored, img, minSpacing).cps {
		d, err := Resume(memory(stored), cp, Options{Ahead: true})
		if err != nil {
			t.Fatal(err)
		}
		d.after = 0
		got, err := decodeAll(t, d, 1<<20)
		if err != nil || !bytes.Equal(got, img[cp.Out:]) {
			t.Errorf("from %d: %d bytes, %v", cp.Out, len(got), err)
		}
		d.Close()
	}
}

// slowSource waits for its context in some reads.
type slowSource struct {
	memory
}

func (s *slowSource) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off > 100_000 {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return s.memory.ReadAt(ctx, p, off)
}

func TestAHangingSourceKeepsNobodyWhoParsesAhead(t *testing.T) {
	img := image(14, 4<<20)
	d := aheadFrom(&slowSource{memory: klauspost(t, img)}, 0)
	ctx, cancel := context.WithCancel(t.Context())
	p := make([]byte, len(img))
	read := make(chan error)
	go func() {
		_, err := d.Read(ctx, p)
		read <- err
	}()
	cancel()
	if err := <-read; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	d.Close() // returns, though the parser reads
}
