package fusefs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// errno is the only table of what errors become. gone is the errno for a
// vanished backup or object: ENOENT by name, ESTALE in an open file.
//
//	the caller was told to end           EINTR      not logged
//	a deadline passed (the share hangs)  ETIMEDOUT  logged
//	fs.ErrNotExist                       gone       logged
//	no space for what is written         ENOSPC     logged
//	another mount has its overlay        EBUSY      logged
//	space cannot be reserved             EOPNOTSUPP logged
//	anything else, damage above all      EIO        logged
//
// A cancellation that is not the caller's own is a failure of the work it
// waited for: on EINTR some programs would try again for ever.
func errno(ctx context.Context, err error, gone syscall.Errno) syscall.Errno {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return syscall.EINTR
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return syscall.ETIMEDOUT
	case errors.Is(err, fs.ErrNotExist):
		return gone
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return syscall.ENOSPC
	case errors.Is(err, syscall.EBUSY):
		return syscall.EBUSY
	case errors.Is(err, syscall.EOPNOTSUPP): // posix_fallocate(3) then writes zeros
		return syscall.EOPNOTSUPP
	default:
		return syscall.EIO
	}
}
