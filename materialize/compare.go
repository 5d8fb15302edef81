package materialize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// maxRanges bounds the list of differing ranges; the bytes of further ranges
// are only counted.
const maxRanges = 1 << 16

// Comparison says how a target differs from a backup.
type Comparison struct {
	Size           int64   // of the volume, in bytes
	DifferingBytes int64   // whole blocks of Source.Align are counted
	Differing      []Range // in order, adjacent ones joined
	Truncated      bool    // there are more ranges than Differing lists
}

// Equal reports whether the target holds the volume.
func (c *Comparison) Equal() bool { return c.DifferingBytes == 0 }

// MismatchError says that a target was written without an error but does not
// read back as written.
type MismatchError struct {
	Target     string
	Comparison Comparison
}

// Error implements error.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("%d of %d bytes of target %s are not what was written, the first at "+
		"offset %d: do not use it, and check its hardware",
		e.Comparison.DifferingBytes, e.Comparison.Size, e.Target, e.Comparison.Differing[0].Off)
}

// Compare reads a file or device past the page cache and compares it with vol
// by digests; it reads the backup only where there are no digests. The target
// may be in use; it is neither written nor locked. Options.Jobs, MemoryBytes
// and Progress apply.
func Compare(ctx context.Context, vol Source, name string, o Options) (Comparison, error) {
	t := &Target{name: name, need: vol.Size()}
	if err := t.openToRead(); err != nil {
		return Comparison{}, err
	}
	defer t.Close()
	p, err := newPipeline(vol, t, o)
	if err != nil {
		return Comparison{}, err
	}
	return p.verify(ctx)
}

func (t *Target) openToRead() error {
	f, err := os.OpenFile(t.name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open target %s: %w", t.name, cause(err))
	}
	var st unix.Stat_t
	if err = unix.Fstat(int(f.Fd()), &st); err == nil {
		t.size, err = f.Seek(0, io.SeekEnd)
	}
	t.f, t.path = f, t.name
	switch {
	case err != nil:
	case st.Mode&unix.S_IFMT == unix.S_IFREG:
		t.kind = KindFile
	case st.Mode&unix.S_IFMT == unix.S_IFBLK:
		t.kind = KindDevice
	default:
		err = errors.New("not a regular file or block device")
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("open target %s: %w", t.name, cause(err))
	}
	return nil
}

// verify compares the whole target, past the page cache.
func (p *pipeline) verify(ctx context.Context) (Comparison, error) {
	size := p.vol.Size()
	c := Comparison{Size: size}
	p.o.Progress.total.Store(size)
	p.o.Progress.stage.Store(int32(StageVerifying))
	r := pastCache(p.t)
	defer r.close()
	end := min(size, p.t.size)
	var all []change
	err := p.compareAll(ctx, r, end, func(n int64) { p.o.Progress.verified.Add(n) },
		func(cs []change) {
			for _, ch := range cs {
				c.DifferingBytes += ch.n
			}
			room := maxRanges - len(all)
			c.Truncated = c.Truncated || len(cs) > room
			all = append(all, cs[:min(room, len(cs))]...)
		})
	if err != nil {
		return c, fmt.Errorf("compare target %s with the backup: %w", p.t, err)
	}
	if end < size { // the target is too short
		c.DifferingBytes += size - end
		all = append(all, change{off: end, n: size - end})
	}
	slices.SortFunc(all, func(a, b change) int { return int(min(max(a.off-b.off, -1), 1)) })
	for _, ch := range all {
		if k := len(c.Differing) - 1; k >= 0 && c.Differing[k].Off+c.Differing[k].Len == ch.off {
			c.Differing[k].Len += ch.n
		} else {
			c.Differing = append(c.Differing, Range{Off: ch.off, Len: ch.n})
		}
	}
	return c, nil
}

// directReader reads a target past the page cache: with O_DIRECT or, if that is
// not possible, by dropping the cached pages before each read.
type directReader struct {
	t  *Target
	f  *os.File    // opened with O_DIRECT; nil: that is not possible
	no atomic.Bool // a read with O_DIRECT was refused: do not try again
}

func pastCache(t *Target) *directReader {
	return &directReader{t: t, f: t.openDirect(os.O_RDONLY)}
}

// openDirect opens the target again with O_DIRECT, or returns nil if that is
// not possible. It opens the descriptor in /proc, so it is the same file even
// if its name now means another one.
func (t *Target) openDirect(flags int) *os.File {
	f, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", t.fd()),
		flags|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return f
}

func (r *directReader) close() {
	if r.f != nil {
		r.f.Close()
	}
}

// ReadAt fills p. It may also overwrite the capacity of p up to the next page.
func (r *directReader) ReadAt(p []byte, off int64) error {
	whole := int(roundUp(int64(len(p)), pageBytes))
	if r.f != nil && !r.no.Load() && whole <= cap(p) {
		n, err := r.f.ReadAt(p[:whole], off)
		if n >= len(p) {
			return nil
		}
		if !errors.Is(err, unix.EINVAL) && !errors.Is(err, io.EOF) {
			return r.t.failed("read", p[n:], off+int64(n), err)
		}
		if errors.Is(err, unix.EINVAL) {
			r.no.Store(true)
		}
	}
	at := Range{Off: off, Len: int64(len(p))}
	r.t.dropCache(at)
	if err := r.t.ReadAt(p, off); err != nil {
		return err
	}
	r.t.dropCache(at)
	return nil
}
