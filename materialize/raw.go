package materialize

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Raw is a target that its caller writes piece by piece, in any order and while it is read, as Run
// does not. It is safe for concurrent use, but for Share and Close of its Target.
//
// Whole sectors of a device, and pages of a file, are read and written past the page cache where
// the target can do that, so that Sync has nobody else's dirty pages to wait for. The last page of
// a volume that does not end with one goes through the page cache, always, as one page must not go
// both ways.
type Raw struct {
	t    *Target
	hold *os.File // the exclusive open of a device; nil: there is none any more
	tail int64    // from here on through the page cache
}

// Begin makes the last checks, creates or extends a target that is a file, and returns it for
// writes of the caller's. No marker is left.
func (t *Target) Begin(ctx context.Context) (*Raw, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, step := range []func() error{t.stillFree, t.create, t.extend} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	r := &Raw{t: t, tail: t.need &^ (pageBytes - 1)}
	if t.kind == KindDevice {
		f, err := t.openAs(os.O_RDWR)
		if err != nil {
			return nil, &TargetError{Target: t.path, Op: "open", Err: cause(err)}
		}
		r.hold, t.f = t.f, f
	}
	t.direct = t.openDirect(os.O_RDWR)
	t.dropCache(Range{})
	return r, nil
}

// Key identifies the target whatever its name: a device across restarts of the machine if the
// kernel knows a lasting name of it. "" if nothing does, or the file does not exist yet.
func (t *Target) Key() string { return t.key }

// SectorBytes is the size of a device's logical block, 512 of a file.
func (t *Target) SectorBytes() int64 { return max(t.blockBytes, 512) }

// Share gives up the exclusive hold on a device, so that the device mapper can take it; the target
// can be read and written as before. Whoever calls it makes sure that no other takes it meanwhile.
func (r *Raw) Share() error {
	if r.hold == nil {
		return nil
	}
	hold := r.hold
	r.hold = nil
	return hold.Close()
}

// Hold takes the exclusive hold on a device again.
func (r *Raw) Hold() (err error) {
	if r.hold != nil || r.t.kind != KindDevice {
		return nil
	}
	if r.hold, err = r.t.openAs(os.O_RDWR | unix.O_EXCL); err != nil {
		return &TargetError{Target: r.t.path, Op: "open", Err: cause(err)}
	}
	return nil
}

// unit is what goes past the page cache in multiples.
func (r *Raw) unit() int64 {
	if r.t.kind == KindDevice {
		return r.t.blockBytes
	}
	return pageBytes
}

// direct returns how much at the start of n bytes at off goes past the page cache.
func (r *Raw) direct(off, n int64) int64 {
	if r.t.direct == nil || off%r.unit() != 0 {
		return 0
	}
	n = min(n, r.tail-off)
	return max(n-n%r.unit(), 0)
}

// ReadAt fills p with the bytes at off, which lie inside the volume.
func (r *Raw) ReadAt(p []byte, off int64) error {
	if n := r.direct(off, int64(len(p))); n > 0 {
		done, err := r.t.direct.ReadAt(p[:n], off)
		switch {
		case int64(done) == n:
			p, off = p[n:], off+n
		case !errors.Is(err, unix.EINVAL) && !errors.Is(err, io.EOF):
			return r.t.failed("read", p[done:n], off+int64(done), err)
		}
		if len(p) == 0 {
			return nil
		}
	}
	return r.t.ReadAt(p, off)
}

// WriteAt writes p at off, inside the volume.
func (r *Raw) WriteAt(p []byte, off int64) error {
	if n := r.direct(off, int64(len(p))); n > 0 {
		done, err := r.t.direct.WriteAt(p[:n], off)
		if err != nil && !errors.Is(err, unix.EINVAL) {
			return r.t.failed("write", p[done:n], off+int64(done), err)
		}
		if p, off = p[done:], off+int64(done); len(p) == 0 {
			return nil
		}
	}
	n, err := r.t.f.WriteAt(p, off)
	if err != nil {
		return r.t.failed("write", p[n:], off+int64(n), err)
	}
	// Sync has then less to wait for.
	return r.t.syncRange(Range{Off: off, Len: int64(len(p))}, unix.SYNC_FILE_RANGE_WRITE)
}

// Zero makes n bytes at off zero, whatever they were, with the target's own way of doing that.
func (r *Raw) Zero(off, n int64) error { return r.t.zero(off, n) }

// Sync waits until everything written is on stable storage.
func (r *Raw) Sync() error { return r.t.sync() }

// Forget drops what the kernel has in its cache of the target, after a Sync: whoever writes to a
// device by way of one above it changes nothing there, and a reader by its own name would be given
// old bytes.
func (r *Raw) Forget() { r.t.dropCache(Range{}) }

// StillThere says whether the name still means this target, and that a file was not shortened.
func (r *Raw) StillThere() error { return r.t.stillThere() }
