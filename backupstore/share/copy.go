package share

import (
	"context"
	"os"

	"golang.org/x/sys/unix"
)

// Copier is a File from which the kernel can copy, so that the bytes do not pass through this
// process. Only the files of Dir implement it.
type Copier interface {
	// CopyTo copies up to n bytes at off to dstOff of dst and returns how many: fewer than n are no
	// error, 0 means the end of the file. It shares blocks on file systems that can do so, and lets
	// servers copy that can do so (copy_file_range(2) of Linux). The error is the system's: EXDEV,
	// EINVAL, EOPNOTSUPP and ENOSYS mean that these two files cannot be copied in this way.
	CopyTo(ctx context.Context, dst *os.File, dstOff, off, n int64) (int64, error)
}

var _ Copier = (*dirFile)(nil)

// CopyTo implements Copier. If ctx ends, the call in the kernel may still write into dst.
func (f *dirFile) CopyTo(ctx context.Context, dst *os.File, dstOff, off, n int64) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return interruptible(ctx, f.remote, func() (int64, error) {
		src, err := f.f.SyscallConn()
		if err != nil {
			return 0, err
		}
		to, err := dst.SyscallConn()
		if err != nil {
			return 0, err
		}
		var done int
		var copyErr error
		err = src.Control(func(from uintptr) {
			err := to.Control(func(to uintptr) {
				for {
					done, copyErr = unix.CopyFileRange(int(from), &off, int(to), &dstOff, int(n), 0)
					if copyErr != unix.EINTR {
						return
					}
				}
			})
			if copyErr == nil {
				copyErr = err
			}
		})
		if err == nil {
			err = copyErr
		}
		return int64(done), err
	}, nil)
}
