package materialize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
)

// Copier is a Source of which parts may lie uncompressed in files, from where the kernel can copy
// them.
type Copier interface {
	Source
	// CopyRange has the kernel copy up to n bytes of the volume at off to the same offset of dst,
	// unverified, and returns how many were copied: 0 if they do not lie uncompressed in a file. An
	// error that is errors.ErrUnsupported means that nothing can be copied to dst in this way.
	CopyRange(ctx context.Context, dst *os.File, off, n int64) (int64, error)
}

// inKernelBytes bounds one call: an NFS server that copies by itself answers only when it is done.
const inKernelBytes = 16 << 20

// inKernel copies inside the kernel, so that the bytes do not pass through this process. nil copies
// nothing. It is safe for concurrent use.
type inKernel struct {
	from  Copier
	never atomic.Bool  // the two file systems cannot do it, or there are no digests to prove it
	bytes atomic.Int64 // copied and proven
}

// copied returns the number of bytes copied and proven.
func (k *inKernel) copied() int64 {
	if k == nil {
		return 0
	}
	return k.bytes.Load()
}

func (k *inKernel) possible() bool { return k != nil && !k.never.Load() }

// copyInKernel copies the first bytes of [off, off+n) of the volume, and returns how many: all n if
// the kernel copied none and they were read and sent to the writer instead. It reads back what the
// kernel copied and compares it with the digests. Blocks that differ or have no digest are read
// from the volume, which heals damage or reports it.
func (w *worker) copyInKernel(ctx context.Context, off, n int64) (int64, error) {
	done, err := w.inner.from.CopyRange(ctx, w.t.f, off, n)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err != nil {
		if errors.Is(err, errors.ErrUnsupported) && !w.inner.never.Swap(true) {
			w.o.Logger.Warn("nothing can be copied inside the kernel between the share and the "+
				"target; the restore only takes longer", "target", w.t.path, "err", err)
		}
		done = 0 // reading gives the error, if there is one
	}
	if off+done < w.vol.Size() {
		done -= (off + done) % w.block // whole blocks have digests
	}
	if done <= 0 {
		return n, w.readData(ctx, off, off+n)
	}
	if err := w.pace.Wait(ctx, done); err != nil {
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

// proveCopied compares [off, off+n) of the target, at most a buffer, with the digests, and reads
// what is not proven from the volume.
func (w *worker) proveCopied(ctx context.Context, off, n int64) error {
	buf, err := w.bufs.get(ctx)
	if err != nil {
		return err
	}
	err = w.t.ReadAt(buf[:n], off)
	var differ []Range
	if err == nil {
		differ, err = w.vol.Differs(ctx, buf[:n], off)
	}
	w.bufs.put(buf)
	switch {
	case errors.Is(err, ErrNoDigests):
		w.inner.never.Store(true) // otherwise everything would be written twice
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
