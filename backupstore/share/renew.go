package share

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// identity tells directories apart.
type identity struct {
	dev, ino uint64
	deleted  bool
}

func identify(f *os.File) (identity, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return identity{}, err
	}
	var st unix.Stat_t
	var statErr error
	if err := conn.Control(func(fd uintptr) { statErr = unix.Fstat(int(fd), &st) }); err != nil {
		return identity{}, err
	}
	if statErr != nil {
		return identity{}, &fs.PathError{Op: "stat", Path: f.Name(), Err: statErr}
	}
	return identity{dev: uint64(st.Dev), ino: st.Ino, deleted: st.Nlink == 0}, nil
}

// current holds the root of a Dir. The root may be replaced while calls use it,
// and is closed after the last of them.
type current struct {
	mu   sync.Mutex
	root *root // nil: the Dir is closed
}

func (c *current) take() (*root, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.root == nil {
		return nil, fs.ErrClosed
	}
	c.root.users++
	return c.root, nil
}

func (c *current) give(r *root) {
	c.mu.Lock()
	r.users--
	last := r.gone && r.users == 0
	c.mu.Unlock()
	if last {
		r.close()
	}
}

// replace replaces the root; the old one is closed when no call uses it.
func (c *current) replace(next *root) {
	c.mu.Lock()
	r := c.root
	c.root = next
	unused := false
	if r != nil {
		r.gone = true
		unused = r.users == 0
	}
	c.mu.Unlock()
	if unused {
		r.close()
	}
}

// with is interruptible for a call that uses the root.
func with[T any](ctx context.Context, d *Dir, fn func(*root) (T, error),
	discard func(T)) (T, error) {
	var none T
	c := &d.now
	r, err := c.take()
	if err != nil {
		return none, err
	}
	var mayHang *Outage
	if r.remote {
		mayHang = d.outage
	}
	c.give(r)
	return interruptible(ctx, mayHang, func() (T, error) {
		// Take the root here: this call may continue, and use it, after ctx has
		// ended.
		r, err := c.take()
		if err != nil {
			return none, err
		}
		defer c.give(r)
		v, err := fn(r)
		if errors.Is(err, ErrStale) {
			r.stale.Store(true)
		}
		return v, err
	}, discard)
}

// Successor implements Share. It compares device and inode number: they differ
// if something was mounted or unmounted there, or the directory was made anew.
func (d *Dir) Successor(ctx context.Context) (Share, error) {
	if d.path == "" {
		return d.anew(ctx)
	}
	next, err := openDir(ctx, d.path, d.outage)
	if err != nil {
		return nil, err
	}
	same, err := with(ctx, d, func(r *root) (bool, error) {
		now, err := identify(r.top)
		if err != nil {
			return false, nil // stale or otherwise useless: prefer what the path names now
		}
		return !r.stale.Load() && !now.deleted && r.id == next.now.root.id, nil
	}, nil)
	if err != nil || same {
		next.Close()
		return nil, err
	}
	return next, nil
}

// anew is Successor for a directory to which no path leads: only one that is stale has any.
func (d *Dir) anew(ctx context.Context) (Share, error) {
	if d.again == nil {
		return nil, nil
	}
	stale, err := with(ctx, d, (*root).isStale, nil)
	if err != nil || !stale {
		return nil, err
	}
	next, err := d.again(ctx)
	if err != nil {
		return nil, err
	}
	return next, nil
}

// isStale reports whether the server no longer knows the root itself. A file that was deleted on
// the server while it was open here is stale, too, and says nothing of the root.
func (r *root) isStale() (bool, error) {
	conn, err := r.top.SyscallConn()
	if err != nil {
		return false, err
	}
	var now Entry
	if err := conn.Control(func(fd uintptr) { now = statx(int(fd), "", true) }); err != nil {
		return false, err
	}
	stale := errors.Is(now.Err, ErrStale)
	r.stale.Store(stale)
	return stale, nil
}

// Become implements Share.
func (d *Dir) Become(next Share) {
	n := next.(*Dir)
	n.now.mu.Lock()
	r := n.now.root
	n.now.root = nil
	n.now.mu.Unlock()
	d.now.replace(r)
}
