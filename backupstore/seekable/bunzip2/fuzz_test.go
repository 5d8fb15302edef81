package bunzip2

import (
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// FuzzStored decodes arbitrary streams: what both decoders accept must be the
// same bytes, and what is refused must be refused as damage.
func FuzzStored(f *testing.F) {
	for _, s := range samples(f) {
		if len(s.stored) < 320 && len(s.data) < 1<<18 {
			f.Add(s.stored)
		}
	}
	bufs := new(Buffers)
	f.Fuzz(func(t *testing.T, b []byte) {
		const most = 1 << 18 // bombs are read no further
		want, wantErr := io.ReadAll(io.LimitReader(bzip2.NewReader(bytes.NewReader(b)), most))
		d := New(stored(b), Options{Buffers: bufs, Workers: len(b) % 2 * 2})
		got := make([]byte, most)
		n, err := d.Read(context.Background(), got)
		d.Close()
		got = got[:n]
		if err == nil || err == io.EOF {
			if wantErr == nil && !bytes.Equal(got, want) {
				t.Fatalf("%d bytes, reference %d", len(got), len(want))
			}
			return
		}
		if !errors.Is(err, stream.ErrCorrupt) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(want, got) && wantErr == nil {
			t.Fatal("other bytes before the damage")
		}
	})
}

// FuzzData encodes arbitrary data in odd ways and decodes it again.
func FuzzData(f *testing.F) {
	f.Add([]byte("hello, hello, hello"), 10, 2, uint64(1))
	f.Add(bytes.Repeat([]byte{0}, 700), 20, 6, uint64(2))
	bufs := new(Buffers)
	f.Fuzz(func(t *testing.T, data []byte, blockBytes, trees int, seed uint64) {
		blockBytes, trees = 5+int(uint(blockBytes)%30_000), 2+int(uint(trees)%5)
		data = data[:min(len(data), 60_000)]
		whole := encode(data, 9, blockBytes, trees)
		want, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(whole)))
		if err != nil || !bytes.Equal(want, data) {
			t.Fatal("encoder:", err)
		}
		o := &notes{t: t}
		d := New(stored(whole), Options{Buffers: bufs, Observer: o})
		got, err := readAll(d, 1+int(seed%5000))
		d.Close()
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes of %d, %v", len(got), len(data), err)
		}
		r := rand.New(rand.NewPCG(seed, 0))
		for range min(len(o.checkpoints), 5) {
			cp := o.checkpoints[r.IntN(len(o.checkpoints))]
			d, err := Resume(stored(whole), cp, Options{Buffers: bufs})
			if err != nil {
				t.Fatal(err)
			}
			skip := r.Int64N(int64(len(data)) - cp.Out)
			if n, err := d.Skip(context.Background(), skip); n != skip || err != nil {
				t.Fatal(n, err)
			}
			if got, err := readAll(d, 1000); err != nil || !bytes.Equal(got, data[cp.Out+skip:]) {
				t.Fatalf("from %d: %d bytes, %v", cp.Out+skip, len(got), err)
			}
			d.Close()
		}
	})
}
