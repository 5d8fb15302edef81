package share

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Dir is a share that the kernel has mounted (or any directory).
type Dir struct {
	root *os.Root
	top  *os.File // the same directory
	name string
	// remote says that a read may hang for as long as a server is away.
	remote bool
	// openat2 says that the kernel has it and lets it be called: since Linux
	// 5.6, and not in every container.
	openat2 bool
	// records are buffers for list, by pointer; half of what a scan would
	// allocate.
	records sync.Pool
}

var _ Share = (*Dir)(nil)

// OpenDir opens the directory at path as a share.
func OpenDir(path string) (*Dir, error) { return OpenDirAs(path, path) }

// OpenDirAs opens the directory at path as a share that String calls name. The
// directory may be moved, or its mount be taken away, while it is open.
func OpenDirAs(path, name string) (*Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open share: %w", err)
	}
	top, err := root.Open(".")
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("open share: %w", err)
	}
	d := &Dir{root: root, top: top, name: name, remote: isRemote(path), openat2: true}
	if f, err := d.openFile(".", unix.O_PATH); err == nil {
		f.Close()
	} else {
		d.openat2 = false
	}
	return d, nil
}

// isRemote tells file systems whose reads wait for somebody else from those
// that wait for a local disk at most.
func isRemote(path string) bool {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil {
		return true
	}
	switch int64(st.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC,
		unix.TMPFS_MAGIC, unix.OVERLAYFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC:
		return false
	}
	return true
}

// String returns the directory's path, or what else it is called.
func (d *Dir) String() string { return d.name }

// Close closes the root directory.
func (d *Dir) Close() error { return errors.Join(d.top.Close(), d.root.Close()) }

// openFile opens name below the root with flags added. openat2 does in one call
// what os.Root does component by component; in a scan of thousands of
// directories that is a quarter of the time.
func (d *Dir) openFile(name string, flags int) (*os.File, error) {
	if !d.openat2 {
		return d.root.OpenFile(name, unix.O_NOFOLLOW|flags, 0)
	}
	if !filepath.IsLocal(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	how := unix.OpenHow{
		Flags:   uint64(unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC | flags),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	conn, err := d.top.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	// EAGAIN: something was renamed meanwhile. It does not go on for ever.
	for try := 0; ; try++ {
		ctlErr := conn.Control(func(top uintptr) { fd, err = unix.Openat2(int(top), name, &how) })
		if ctlErr != nil {
			err = ctlErr
		}
		if err != unix.EINTR && (err != unix.EAGAIN || try > 100) {
			break
		}
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// ReadDir implements Share.
func (d *Dir) ReadDir(ctx context.Context, dir string, want func(name string) bool) ([]Entry, error) {
	return interruptible(ctx, d.remote, func() ([]Entry, error) { return d.readDir(ctx, dir, want) }, nil)
}

func (d *Dir) readDir(ctx context.Context, dir string, want func(name string) bool) ([]Entry, error) {
	f, err := d.openFile(dir, unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	buf, _ := d.records.Get().(*[recordBytes]byte)
	if buf == nil {
		buf = new([recordBytes]byte)
	}
	defer d.records.Put(buf)
	var entries []Entry
	var listErr error
	err = conn.Control(func(fd uintptr) { entries, listErr = list(ctx, int(fd), buf[:], want) })
	if err = cmp.Or(err, listErr); err != nil {
		return nil, &fs.PathError{Op: "read", Path: dir, Err: err}
	}
	return entries, nil
}

// Open implements Share.
func (d *Dir) Open(ctx context.Context, name string) (File, error) {
	f, err := interruptible(ctx, d.remote, func() (*dirFile, error) { return d.open(name) },
		func(f *dirFile) { f.Close() })
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (d *Dir) open(name string) (*dirFile, error) {
	// Look first: opening a FIFO or a tape drive has effects of its own.
	st, err := d.look(name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	f, err := d.openFile(name, unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	if st, err = f.Stat(); err == nil && !st.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &dirFile{f: f, remote: d.remote, size: st.Size(), modTime: st.ModTime()}, nil
}

// look says what name is without opening it.
func (d *Dir) look(name string) (fs.FileInfo, error) {
	if !d.openat2 {
		return d.root.Lstat(name)
	}
	f, err := d.openFile(name, unix.O_PATH)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

type dirFile struct {
	f       *os.File
	remote  bool
	size    int64
	modTime time.Time
}

func (f *dirFile) Size() int64        { return f.size }
func (f *dirFile) ModTime() time.Time { return f.modTime }
func (f *dirFile) Close() error       { return f.f.Close() }

// ReadAt implements File.
func (f *dirFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if !f.remote || ctx.Done() == nil {
		return f.f.ReadAt(p, off)
	}
	// The read that is left behind must not write into the caller's memory.
	type result struct {
		buf []byte
		err error
	}
	r, err := interruptible(ctx, true, func() (result, error) {
		buf := make([]byte, len(p))
		n, err := f.f.ReadAt(buf, off)
		return result{buf[:n], err}, nil
	}, nil)
	if err != nil {
		return 0, err
	}
	return copy(p, r.buf), r.err
}

// interruptible calls fn and returns its result, or ctx's error as soon as ctx
// ends; fn then finishes alone and its result goes to discard.
func interruptible[T any](ctx context.Context, mayHang bool, fn func() (T, error), discard func(T)) (T, error) {
	if !mayHang || ctx.Done() == nil {
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
	done := make(chan result) // unbuffered: exactly one side takes the result
	go func() {
		v, err := fn()
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
