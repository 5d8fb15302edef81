package share

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Dir is a share that the kernel has mounted (or any directory).
type Dir struct {
	path   string // "": nothing leads there any more
	outage *Outage
	// again opens what replaces a root that has become stale where there is no path; nil: nothing
	// does.
	again func(ctx context.Context) (*Dir, error)
	now   current
}

// root is the open directory at the top of a Dir.
type root struct {
	root *os.Root
	top  *os.File        // the same directory
	conn syscall.RawConn // of top
	id   identity
	// stale says that the server no longer knows the directory.
	stale atomic.Bool
	users int  // guarded by current.mu
	gone  bool // guarded by current.mu: to be closed when users is 0

	// remote says that a read may hang as long as a server does not answer.
	remote bool
	// stamped says that a directory's times change whenever a name in it does.
	stamped bool
	// openat2 says that openat2(2) can be called: since Linux 5.6, and not in
	// every container.
	openat2 bool
	// records holds buffers for list (*[recordBytes]byte), which saves half of
	// what a scan allocates.
	records sync.Pool
}

var _ Share = (*Dir)(nil)

// OpenDir opens the directory at path as a share. It returns when ctx ends,
// even while the kernel waits for a server. A server that does not answer is
// reported to log, which may be nil.
func OpenDir(ctx context.Context, path string, log *slog.Logger) (*Dir, error) {
	return openDir(ctx, path, NewOutage(path, log))
}

// OpenDirAs is OpenDir, but String returns name, and the directory may be moved or unmounted while
// it is open. It has a Successor if its server no longer knows it: what again opens, which may be
// nil.
func OpenDirAs(ctx context.Context, path, name string, log *slog.Logger,
	again func(ctx context.Context) (*Dir, error)) (*Dir, error) {
	d, err := openDir(ctx, path, NewOutage(name, log))
	if err == nil {
		d.path, d.again = "", again
	}
	return d, err
}

func openDir(ctx context.Context, path string, o *Outage) (*Dir, error) {
	r, err := interruptible(ctx, o, func() (*root, error) { return openRoot(path) }, (*root).close)
	var of *fs.PathError
	if errors.As(err, &of) {
		err = of.Err // the message below names the path
	}
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w (run restorefs as root or as the user that cinder-backup runs as)",
			err)
	}
	if err != nil {
		return nil, fmt.Errorf("open share %s: %w", o.name, err)
	}
	return &Dir{path: path, outage: o, now: current{root: r}}, nil
}

func openRoot(path string) (*root, error) {
	opened, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	top, err := opened.Open(".")
	if err != nil {
		opened.Close()
		return nil, err
	}
	conn, err := top.SyscallConn()
	if err != nil {
		top.Close()
		opened.Close()
		return nil, err
	}
	r := &root{root: opened, top: top, conn: conn, openat2: true}
	r.remote, r.stamped = kindOf(int(top.Fd()))
	if r.id, err = identify(top); err != nil {
		r.close()
		return nil, err
	}
	if f, err := r.openFile(".", unix.O_PATH); err == nil {
		f.Close()
	} else {
		r.openat2 = false
	}
	return r, nil
}

func (r *root) close() {
	r.top.Close()
	r.root.Close()
}

// kindOf says what is known of a file system. remote: reads may wait for a server or another
// process; not so for file systems that only wait for a local disk. stamped: the times of its
// directories tell when a name comes or goes, which those of object stores, say, do not.
func kindOf(fd int) (remote, stamped bool) {
	var st unix.Statfs_t
	if unix.Fstatfs(fd, &st) != nil {
		return true, false
	}
	switch int64(st.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC,
		unix.TMPFS_MAGIC, unix.F2FS_SUPER_MAGIC:
		return false, true
	case unix.OVERLAYFS_SUPER_MAGIC:
		return false, false
	case unix.NFS_SUPER_MAGIC:
		return true, true
	}
	return true, false
}

// String returns the directory's path, or the name given to OpenDirAs.
func (d *Dir) String() string { return d.outage.name }

// Device is the number of the directory's file system, st_dev of stat(2); 0 if
// the share is closed.
func (d *Dir) Device() uint64 {
	r, err := d.now.take()
	if err != nil {
		return 0
	}
	defer d.now.give(r)
	return r.id.dev
}

// Waiting implements Share.
func (d *Dir) Waiting() time.Duration { return d.outage.Waiting() }

// Close closes the root directory as soon as no call uses it.
func (d *Dir) Close() error {
	d.now.replace(nil)
	return nil
}

// openFile opens name below the root with additional flags. openat2 does in one
// call what os.Root does component by component; in a scan of thousands of
// directories that saves a quarter of the time.
func (r *root) openFile(name string, flags int) (*os.File, error) {
	if !r.openat2 {
		return r.root.OpenFile(name, unix.O_NOFOLLOW|flags, 0)
	}
	fd, err := r.descriptor(name, flags)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// briefly calls f with a descriptor of name, which is closed when f returns. It saves what a file
// of package os costs, which is more than the calls of the kernel. A scan opens every directory and
// every _metadata.
func (r *root) briefly(name string, flags int, f func(fd int) error) error {
	if r.openat2 {
		fd, err := r.descriptor(name, flags)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return f(fd)
	}
	file, err := r.openFile(name, flags)
	if err != nil {
		return err
	}
	defer file.Close()
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) { failed = f(int(fd)) })
	return cmp.Or(err, failed)
}

// descriptor opens name by openat2(2).
func (r *root) descriptor(name string, flags int) (int, error) {
	if !filepath.IsLocal(name) {
		return -1, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	how := unix.OpenHow{
		Flags:   uint64(unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC | flags),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	var fd int
	var err error
	// EAGAIN means that something was renamed meanwhile; try again, but not for
	// ever.
	for try := 0; ; try++ {
		ctlErr := r.conn.Control(func(top uintptr) { fd, err = unix.Openat2(int(top), name, &how) })
		if ctlErr != nil {
			err = ctlErr
		}
		if err != unix.EINTR && (err != unix.EAGAIN || try > 100) {
			break
		}
	}
	if err == nil && flags&unix.O_NONBLOCK != 0 {
		// O_NONBLOCK was only for the open. If it stayed set, os.File would
		// poll files of some file systems, and its Close would wait for a read
		// that hangs.
		if err = unix.SetNonblock(fd, false); err != nil {
			unix.Close(fd)
		}
	}
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return fd, nil
}

// leadsOut reports whether a symbolic link may lead to a directory outside the
// share. The kernel resolves the link only inside the share: what is outside
// must not be touched, as it may be on a server that does not answer.
func (r *root) leadsOut(name string) bool {
	if !r.openat2 {
		_, err := r.root.Stat(name) // fails if the link leads out
		return err != nil && !errors.Is(err, fs.ErrNotExist)
	}
	how := unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	}
	fd := -1
	var err error
	ctlErr := r.conn.Control(func(top uintptr) { fd, err = unix.Openat2(int(top), name, &how) })
	if ctlErr == nil && err == nil {
		unix.Close(fd)
		return false
	}
	return !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) &&
		!errors.Is(err, unix.ELOOP)
}

// Open implements Share.
func (d *Dir) Open(ctx context.Context, name string) (File, error) {
	f, err := with(ctx, d, func(r *root) (*dirFile, error) { return r.open(name, d.outage) },
		func(f *dirFile) { f.Close() })
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (r *root) open(name string, o *Outage) (*dirFile, error) {
	// Look first: opening a FIFO or a tape drive has effects of its own.
	kind, err := r.look(name)
	if err != nil {
		return nil, err
	}
	if !kind.IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	f, err := r.openFile(name, unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	file := &dirFile{f: f, size: st.Size(), modTime: st.ModTime()}
	if r.remote {
		file.remote = o
	}
	return file, nil
}

// look returns what name is, by its type bits, without opening it.
func (r *root) look(name string) (fs.FileMode, error) {
	if !r.openat2 {
		st, err := r.root.Lstat(name)
		if err != nil {
			return 0, err
		}
		return st.Mode().Type(), nil
	}
	var e Entry
	if err := r.briefly(name, unix.O_PATH, func(fd int) error {
		e = fstat(fd)
		return e.Err
	}); err != nil {
		return 0, err
	}
	return e.Mode, nil
}

// interruptible calls fn and returns its result, or ctx's error as soon as ctx
// ends; fn then finishes in its goroutine and its result goes to discard. If o
// is nil, fn cannot hang and is called directly.
func interruptible[T any](ctx context.Context, o *Outage, fn func() (T, error),
	discard func(T)) (T, error) {
	if o == nil || ctx.Done() == nil {
		return fn()
	}
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	type result struct {
		v   T
		err error
	}
	if err := o.enter(ctx); err != nil {
		return none, err
	}
	done := make(chan result) // unbuffered: exactly one side takes the result
	go func() {
		defer o.leave()
		call := o.Begin()
		v, err := fn()
		call.End()
		select {
		case done <- result{v, err}:
		case <-ctx.Done():
			if err == nil && discard != nil {
				discard(v)
			}
		}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
