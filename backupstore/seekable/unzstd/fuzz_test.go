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

// seeds are small frames of many kinds.
func seeds(t testing.TB) [][]byte {
	img := image(31, 20000)
	var all [][]byte
	for _, b := range [][]byte{nil, img[:1], img[:300], img[:3000], img, make([]byte, 5000), bytes.Repeat(img[:200], 50)} {
		for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault, zstd.SpeedBestCompression} {
			all = append(all, klauspost(t, b, zstd.WithEncoderLevel(level), zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true), zstd.WithWindowSize(4096)))
		}
		e, _ := zstd.NewWriter(nil, zstd.WithSingleSegment(true))
		all = append(all, e.EncodeAll(b, nil))
	}
	return append(all, join(skippable(3), all[9], skippable(0), all[10]))
}

// ours decodes at most limit bytes.
func ours(stored []byte, o stream.Observer, limit int64) (*Decoder, []byte, error) {
	d := New(memory(stored), Options{Observer: o, Spacing: 1, Buffers: used(64 << 10)})
	p := make([]byte, limit)
	n, err := d.Read(context.Background(), p)
	if err == io.EOF {
		err = nil
	}
	return d, p[:n], err
}

func FuzzDecodesLikeKlauspost(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, stored []byte) {
		const limit = 512 << 10
		d, got, err := ours(stored, &log{t: t}, limit)
		if _, ok := errors.AsType[*MemoryError](err); ok {
			return // a window that is too large to allocate here
		}
		switch {
		case err == nil, errors.Is(err, stream.ErrCorrupt), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, ErrUnsupported):
		default:
			t.Fatalf("error of no kind: %v", err)
		}
		if m := d.MemoryBytes(); m > 2*MaxWindow {
			t.Fatalf("%d bytes of memory", m)
		}
		if len(got) == limit {
			return
		}
		tail := int64(len(stored)) - d.in.off
		k, kerr := zstd.NewReader(bytes.NewReader(stored), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(MaxWindow), zstd.WithDecoderLowmem(true), zstd.IgnoreChecksum(true))
		if kerr != nil {
			t.Fatal(kerr)
		}
		defer k.Close()
		want, kerr := io.ReadAll(io.LimitReader(k, limit))
		if err == nil && tail > 0 {
			// Bytes after the stream are allowed here and refused there.
			if !bytes.Equal(got, want) {
				t.Fatalf("%d bytes, want %d", len(got), len(want))
			}
			return
		}
		if isChecksum(err) {
			return // there it is ignored
		}
		// Without any frame, and no error there, this stream is only too short.
		if (err == nil) != (kerr == nil) && len(want) < limit && d.frames+len(want) > 0 {
			t.Fatalf("error %v after %d bytes; klauspost: %v after %d", err, len(got), kerr, len(want))
		}
		if err == nil && !bytes.Equal(got, want) {
			t.Fatal("other bytes")
		}
	})
}

func isChecksum(err error) bool {
	var c *stream.CorruptError
	return errors.As(err, &c) && c.Reason == errChecksum.Error()
}

func FuzzResumesFromAnyState(f *testing.F) {
	img := image(32, 600000)
	stored := klauspost(f, img, zstd.WithWindowSize(128<<10))
	for _, cp := range index(f, stored, img, minSpacing).cps {
		f.Add(cp.In, cp.Out, cp.State[:min(len(cp.State), 2000)])
		f.Add(cp.In, cp.Out, cp.State)
	}
	f.Fuzz(func(t *testing.T, in, out int64, state []byte) {
		tryCheckpoint(t, stored, stream.Checkpoint{In: in, Out: out, State: state})
	})
}
