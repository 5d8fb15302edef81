package materialize

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

func TestStreamWritesAllInOrder(t *testing.T) {
	for _, size := range []int64{0, 1, 10<<20 + 3} {
		for _, o := range []Options{{}, {Jobs: 1, MemoryBytes: 1}, {Jobs: 5, MemoryBytes: 5 << 20}} {
			vol := newFakeVolume(size, 51)
			var out bytes.Buffer
			res, err := Stream(t.Context(), vol, &out, o)
			if err != nil || res.BytesWritten+res.BytesZeroed != size {
				t.Fatal(res, err)
			}
			if err := vol.equal(out.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

type brokenPipe struct{ after int }

func (b *brokenPipe) Write(p []byte) (int, error) {
	if b.after -= len(p); b.after < 0 {
		return 0, os.ErrClosed
	}
	return len(p), nil
}

func TestAStreamThatFailsEnds(t *testing.T) {
	vol := newFakeVolume(20<<20, 52)
	for _, after := range []int{0, 3 << 20} {
		if _, err := Stream(t.Context(), vol, &brokenPipe{after}, Options{Jobs: 3}); !errors.Is(err, os.ErrClosed) {
			t.Fatal(err)
		}
	}
	damaged := errors.New("damaged")
	vol.fail = func(off, n int64) error {
		if off > 9<<20 {
			return damaged
		}
		return nil
	}
	if _, err := Stream(t.Context(), vol, io.Discard, Options{Jobs: 3}); !errors.Is(err, damaged) {
		t.Fatal(err)
	}
	vol.fail = nil
	vol.delay = time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if _, err := Stream(ctx, vol, io.Discard, Options{Jobs: 3}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}
