package inflate

import (
	"bytes"
	stdflate "compress/flate"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"

	kpflate "github.com/klauspost/compress/flate"
)

// fuzzLimit bounds what a fuzzed stream may expand to.
const fuzzLimit = 2 << 20

// decodeDeflate decodes at most fuzzLimit bytes of DEFLATE data behind a zlib
// header. err is nil if the data ends well within.
func decodeDeflate(data []byte, use loops, o stream.Observer) (out []byte, err error) {
	d := New(&memory{b: append([]byte{0x78, 0x9c}, data...)}, Options{NoChecksum: true, Observer: o, Spacing: minSpacing})
	defer d.Close()
	d.loops = use
	out = make([]byte, fuzzLimit)
	n, err := d.Read(context.Background(), out)
	if err == io.EOF {
		err = nil
	}
	return out[:n], err
}

func reference(r io.Reader) ([]byte, error) {
	out := make([]byte, fuzzLimit)
	n, err := io.ReadFull(r, out)
	if n < len(out) && errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		// io.ReadFull hides whether the reader ended or failed.
		_, err = r.Read(make([]byte, 1))
		if err == io.EOF {
			err = nil
		}
	}
	return out[:n], err
}

func seeds(f *testing.F) {
	for _, level := range []int{0, 1, 6, 9, stdflate.HuffmanOnly} {
		f.Add(deflate(f, level, diskLike(5000, uint64(level+3)), nil, bytes.Repeat([]byte("ab"), 3000), make([]byte, 100000)))
	}
	f.Add(oddBlock(300))
	f.Add([]byte{3, 0})
	f.Add([]byte{1, 0, 0, 0xff, 0xff})
}

// FuzzDecode compares both loops with two other decoders.
func FuzzDecode(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeDeflate(data, allLoops, nil)
		careful, carefulErr := decodeDeflate(data, onlyCareful, nil)
		if !bytes.Equal(got, careful) || (err == nil) != (carefulErr == nil) {
			t.Fatalf("loops differ: %d bytes, %v; careful %d bytes, %v", len(got), err, len(careful), carefulErr)
		}
		for name, r := range map[string]io.Reader{
			"compress/flate":  stdflate.NewReader(bytes.NewReader(data)),
			"klauspost/flate": kpflate.NewReader(bytes.NewReader(data)),
		} {
			want, wantErr := reference(r)
			if (err == nil) != (wantErr == nil) {
				// zlib, and this decoder, refuse two things that these let
				// pass: an incomplete code length code, and a block whose
				// end has no code. Nothing wrong may come out.
				var ce *stream.CorruptError
				if wantErr == nil && errors.As(err, &ce) && (ce.Reason == badCodes || ce.Reason == noEnd) && bytes.HasPrefix(want, got) {
					continue
				}
				t.Fatalf("error %v, %s has %v", err, name, wantErr)
			}
			if err == nil && !bytes.Equal(got, want) {
				t.Fatalf("%d bytes, %s has %d or others", len(got), name, len(want))
			}
		}
	})
}

// FuzzCheckpoint resumes at hostile checkpoints of a good stream.
func FuzzCheckpoint(f *testing.F) {
	want := diskLike(400<<10, 11)
	src := &memory{b: compress(f, want, 6)}
	var n notes
	d := New(src, Options{Observer: &n, Spacing: minSpacing})
	if _, err := readAll(d, 1<<16); err != nil || len(n.points) < 2 {
		f.Fatal(err, len(n.points))
	}
	for _, cp := range n.points {
		f.Add(cp.In, cp.Out, cp.State)
	}
	f.Fuzz(func(t *testing.T, in, out int64, state []byte) {
		d, err := Resume(src, stream.Checkpoint{In: in, Out: out, State: state}, Options{Observer: &notes{}})
		if err == nil {
			defer d.Close()
			if d.Offset() != out {
				t.Fatalf("resumed at %d, not %d", d.Offset(), out)
			}
			p := make([]byte, 64<<10)
			for range 20 {
				if _, err = d.Read(context.Background(), p); err != nil {
					break
				}
			}
		}
		if err != nil && err != io.EOF && !errors.Is(err, stream.ErrCorrupt) {
			t.Fatalf("error %v", err)
		}
	})
}

// FuzzResume decodes arbitrary streams with an Observer and checks that each
// checkpoint leads to the same bytes.
func FuzzResume(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		var n notes
		want, err := decodeDeflate(data, allLoops, &n)
		for _, cp := range n.points {
			d, rerr := Resume(&memory{b: append([]byte{0x78, 0x9c}, data...)}, cp, Options{})
			if rerr != nil {
				t.Fatal(rerr)
			}
			got := make([]byte, len(want)-min(len(want), int(cp.Out)))
			k, rerr := d.Read(context.Background(), got)
			d.Close()
			if !bytes.Equal(got[:k], want[len(want)-len(got):]) || k < len(got) && err == nil {
				t.Fatalf("resumed at %d: %d of %d bytes, %v", cp.Out, k, len(got), rerr)
			}
		}
	})
}
