package materialize

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// storedVolume is a volume that lies uncompressed in a file, except for every eighth MiB.
type storedVolume struct {
	*fakeVolume
	stored *os.File
	err    error
	copied atomic.Int64
}

func (v *storedVolume) CopyRange(ctx context.Context, dst *os.File, off, n int64) (int64, error) {
	if v.err != nil || off>>20%8 == 7 {
		return 0, v.err
	}
	n = min(n, (off>>23<<23)+7<<20-off)
	at, to := off, off
	k, err := unix.CopyFileRange(int(v.stored.Fd()), &at, int(dst.Fd()), &to, int(n), 0)
	v.copied.Add(int64(k))
	return int64(k), err
}

func newStoredVolume(t *testing.T, dir string, size int64) *storedVolume {
	t.Helper()
	v := &storedVolume{fakeVolume: newFakeVolume(size, 11)}
	v.run = 9 << 20 / testBlock * testBlock
	path := filepath.Join(dir, "stored")
	if err := os.WriteFile(path, v.data, 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if v.stored, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.stored.Close() })
	return v
}

func TestBytesCopiedInsideTheKernelAreProven(t *testing.T) {
	const size = 25<<20 + 4321
	for name, c := range map[string]struct {
		change func(t *testing.T, v *storedVolume)
		inner  bool // something is copied inside the kernel
		again  bool // some of that is read from the volume as well
	}{
		"as it is":              {inner: true},
		"no digests":            {change: func(t *testing.T, v *storedVolume) { v.digests = nil }, inner: true, again: true},
		"other file systems":    {change: func(t *testing.T, v *storedVolume) { v.err = errors.ErrUnsupported }},
		"an error of the share": {change: func(t *testing.T, v *storedVolume) { v.err = unix.EIO }},
		"flipped bits": {inner: true, again: true, change: func(t *testing.T, v *storedVolume) {
			for off := int64(0); off < size; off += 1 << 20 {
				if _, err := v.stored.WriteAt([]byte{v.data[off] ^ 4}, off); err != nil {
					t.Fatal(err)
				}
			}
		}},
		"a file that was cut": {inner: true, again: true, change: func(t *testing.T, v *storedVolume) {
			if err := v.stored.Truncate(size / 2); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			v := newStoredVolume(t, dir, size)
			if c.change != nil {
				c.change(t, v)
			}
			for _, o := range []Options{{Reflink: true}, {Reflink: true, Jobs: 1, MemoryBytes: 1}} {
				v.copied.Store(0)
				v.read.Store(0)
				path := filepath.Join(dir, "target")
				os.Remove(path)
				res := mustRun(t, v, path, false, o)
				checkFile(t, path, v.fakeVolume)
				copied, read := v.copied.Load(), v.read.Load()
				if (copied > 0) != c.inner || (copied+read > res.BytesWritten) != c.again && c.inner {
					t.Errorf("%d bytes copied, %d read, %d written", copied, read, res.BytesWritten)
				}
			}
			if _, err := v.stored.WriteAt([]byte{1}, 0); err != nil {
				t.Fatal(err)
			}
			// the target keeps its own bytes
			checkFile(t, filepath.Join(dir, "target"), v.fakeVolume)
		})
	}
}

func TestWithoutReflinkNothingIsCopiedInsideTheKernel(t *testing.T) {
	dir := t.TempDir()
	v := newStoredVolume(t, dir, 8<<20)
	mustRun(t, v, filepath.Join(dir, "target"), false, Options{})
	dev, _ := newLoop(t, 8<<20)
	mustRun(t, v, dev, false, Options{Reflink: true})
	if n := v.copied.Load(); n > 0 {
		t.Errorf("%d bytes", n)
	}
}

// On a file system that can share blocks, they are shared.
func TestBlocksAreSharedOnXFS(t *testing.T) {
	dev, _ := newLoop(t, 400<<20)
	tool(t, "mkfs.xfs", "-q", dev)
	dir := mountOn(t, dev)
	v := newStoredVolume(t, dir, 40<<20)
	if err := unix.Fsync(int(v.stored.Fd())); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "target")
	mustRun(t, v, path, false, Options{Reflink: true})
	checkFile(t, path, v.fakeVolume)
	if out := tool(t, "filefrag", "-v", path); !strings.Contains(out, "shared") {
		t.Errorf("nothing is shared: %s", out)
	}
	if err := os.Truncate(filepath.Join(dir, "stored"), 0); err != nil {
		t.Fatal(err)
	}
	checkFile(t, path, v.fakeVolume)
}

// A salvaging volume returns zeros for a lost block, after the kernel has copied the damaged bytes.
func TestZerosAreWrittenOverWhatTheKernelCopied(t *testing.T) {
	dir := t.TempDir()
	v := newStoredVolume(t, dir, 8<<20)
	off := int64(1 << 20)
	for allZero(v.block(off)) {
		off += testBlock
	}
	damaged := []byte{^v.data[off]}
	if _, err := v.stored.WriteAt(damaged, off); err != nil {
		t.Fatal(err)
	}
	clear(v.block(off)) // its digest stays
	path := filepath.Join(dir, "target")
	mustRun(t, salvaging{v}, path, false, Options{Reflink: true})
	checkFile(t, path, v.fakeVolume)
}

// salvaging reports data where a lost block is read as zeros.
type salvaging struct{ *storedVolume }

func (v salvaging) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	return off, end, nil
}
