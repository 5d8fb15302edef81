package materialize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
)

// Copier is a Volume of which parts may lie in files of the target's file
// system as they are.
type Copier interface {
	Volume
	// CopyRange has the kernel copy up to n of the volume's bytes at off to the
	// same offset of dst, unverified, and returns how many: none where they do not
	// lie anywhere as they are. With an error that is errors.ErrUnsupported none
	// can be copied to dst at all.
	CopyRange(ctx context.Context, dst *os.File, off, n int64) (int64, error)
}

// inKernelBytes is how much is copied in one call: a server that copies by
// itself answers when it is done.
const inKernelBytes = 16 << 20

// inKernel copies without the bytes passing through this process. nil copies
// nothing. It is safe for concurrent use.
type inKernel struct {
	from  Copier
	never atomic.Bool  // these two file systems cannot, or nothing proves it
	bytes atomic.Int64 // copied and proven
}

// copied is how many bytes were copied, and proven.
func (k *inKernel) copied() int64 {
	if k == nil {
		return 0
	}
	return k.bytes.Load()
}

func (k *inKernel) possible() bool { return k != nil && !k.never.Load() }

// copyInKernel makes the first bytes of [off, off+n) of the target what the
// volume is, and returns how many: all, where nothing can be copied inside the
// kernel. What it copied it reads back and compares with the digests; what
// differs, or has none, is read from the volume, which knows what is to be done
// about damage.
func (w *worker) copyInKernel(ctx context.Context, off, n int64) (int64, error) {
	done, err := w.inner.from.CopyRange(ctx, w.t.f, off, n)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err != nil {
		if errors.Is(err, errors.ErrUnsupported) && !w.inner.never.Swap(true) {
			w.o.Logger.Warn("nothing can be copied inside the kernel between the share and the target, which costs nothing but time", "target", w.t.path, "err", err)
		}
		done = 0 // reading it will say what is wrong
	}
	if off+done < w.vol.Size() {
		done -= (off + done) % w.block // whole blocks have digests
	}
	if done <= 0 {
		return n, w.readData(ctx, off, off+n)
	}
	if err := w.pace.wait(ctx, done); err != nil {
		return 0, err
	}
	s := &settler{t: w.t}
	if err := s.wrote(off, done); err != nil {
		return 0, err
	}
	for at := off; at < off+done; {
		step := min(off+done-at, int64(w.bufs.size))
		if err := w.proveCopied(ctx, at, step); err != nil {
			return 0, err
		}
		at += step
	}
	return done, s.drain()
}

// proveCopied compares [off, off+n) of the target, at most a buffer, with the
// digests, and copies what is not proven the usual way.
func (w *worker) proveCopied(ctx context.Context, off, n int64) error {
	buf, err := w.bufs.get(ctx)
	if err != nil {
		return err
	}
	err = w.t.readAt(buf[:n], off)
	var differ []Range
	if err == nil {
		differ, err = w.vol.Differs(ctx, buf[:n], off)
	}
	w.bufs.put(buf)
	switch {
	case errors.Is(err, ErrNoDigests):
		w.inner.never.Store(true) // it would all be written twice
		differ, err = []Range{{Off: off, Len: n}}, nil
	case err != nil:
		return fmt.Errorf("compare what was copied with the backup at offset %d: %w", off, err)
	}
	for _, r := range differ {
		if err := w.readData(ctx, r.Off, r.Off+r.Len); err != nil {
			return err
		}
		n -= r.Len
	}
	w.o.Progress.written.Add(n)
	w.inner.bytes.Add(n)
	return nil
}
