package share

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Dir is a share that the kernel has mounted (or any directory).
type Dir struct {
	root *os.Root
	path string
	// remote says that a read may hang for as long as a server is away.
	remote bool
}

var _ Share = (*Dir)(nil)

// OpenDir opens the directory at path as a share.
func OpenDir(path string) (*Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open share: %w", err)
	}
	return &Dir{root: root, path: path, remote: isRemote(path)}, nil
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

// String returns the directory's path.
func (d *Dir) String() string { return d.path }

// Close closes the root directory.
func (d *Dir) Close() error { return d.root.Close() }

// ReadDir implements Share.
func (d *Dir) ReadDir(ctx context.Context, dir string) ([]Entry, error) {
	return interruptible(ctx, d.remote, func() ([]Entry, error) { return d.readDir(ctx, dir) }, nil)
}

func (d *Dir) readDir(ctx context.Context, dir string) ([]Entry, error) {
	f, err := d.root.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var entries []Entry
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		names, err := f.Readdirnames(1024)
		for _, name := range names {
			e, statErr := statAt(f, name)
			if errors.Is(statErr, fs.ErrNotExist) {
				continue // deleted since it was listed
			}
			if statErr != nil {
				return nil, &fs.PathError{Op: "stat", Path: dir + "/" + name, Err: statErr}
			}
			entries = append(entries, e)
		}
		if err == io.EOF {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// statAt looks at name in the open directory itself: a path could lead
// elsewhere by now.
func statAt(dir *os.File, name string) (Entry, error) {
	conn, err := dir.SyscallConn()
	if err != nil {
		return Entry{}, err
	}
	var st unix.Stat_t
	ctlErr := conn.Control(func(fd uintptr) {
		err = unix.Fstatat(int(fd), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	if ctlErr != nil {
		err = ctlErr
	}
	if err != nil {
		return Entry{}, err
	}
	return Entry{
		Name:    name,
		Mode:    typeOf(st.Mode),
		Size:    st.Size,
		ModTime: time.Unix(st.Mtim.Unix()),
	}, nil
}

func typeOf(mode uint32) fs.FileMode {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return 0
	case unix.S_IFDIR:
		return fs.ModeDir
	case unix.S_IFLNK:
		return fs.ModeSymlink
	default:
		return fs.ModeIrregular
	}
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
	st, err := d.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
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
