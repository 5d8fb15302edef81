package fusefs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// errno is the one table from errors to what a reader sees. gone is what a
// vanished backup or object is: ENOENT by name, ESTALE in an open file.
//
//	the caller is to end                 EINTR      not logged
//	a deadline passed (the share hangs)  ETIMEDOUT  logged
//	fs.ErrNotExist                       gone       logged
//	no room for what is written          ENOSPC     logged
//	another mount has its overlay        EBUSY      logged
//	room cannot be taken ahead           EOPNOTSUPP logged
//	anything else, damage above all      EIO        logged
//
// A cancellation that is not the reader's own is a failure of the work it
// waited for. EINTR would be a lie that some programs retry for ever.
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
