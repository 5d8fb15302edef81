package materialize

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// openDevice opens the device exclusively. Until it is closed the kernel then
// refuses to mount it, to swap on it or to stack anything on it; if one of
// these is already the case, the open fails.
func (t *Target) openDevice() (facts, error) {
	f := facts{kind: KindDevice, id: t.id}
	var err error
	t.f, err = t.openAs(os.O_RDWR | unix.O_EXCL)
	if err != nil {
		// Opening it read-only, which is harmless, tells why.
		why := err
		if t.f, err = t.openAs(os.O_RDONLY); err != nil {
			f.unopened = fmt.Errorf("open target %s: %w", t, cause(why))
			return f, nil
		}
		ro, _ := unix.IoctlGetUint32(t.fd(), unix.BLKROGET)
		f.readOnly = ro != 0 || errors.Is(why, unix.EROFS)
		f.busy = errors.Is(why, unix.EBUSY)
		if !f.readOnly && !f.busy {
			f.unopened = fmt.Errorf("open target %s for writing: %w", t, cause(why))
			return f, nil
		}
	} else {
		f.locked = !t.lock()
		ro, _ := unix.IoctlGetUint32(t.fd(), unix.BLKROGET)
		f.readOnly = ro != 0
	}
	if t.size, err = t.f.Seek(0, io.SeekEnd); err != nil {
		return f, fmt.Errorf("size of target %s: %w", t, cause(err))
	}
	f.size = t.size
	t.blockBytes = 512
	if n, err := unix.IoctlGetUint32(t.fd(), unix.BLKSSZGET); err == nil && n >= 512 &&
		n&(n-1) == 0 {
		t.blockBytes = int64(n)
	}
	return f, nil
}
