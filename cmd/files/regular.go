package files

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/fusefs/inside"
)

// regular copies a regular file. The error is EEXIST if there is one of that name.
func (c *copier) regular(n *Node, content inside.File, fd int, name string) (err error) {
	mode := n.Attr.Mode & 0o777
	if c.o.All && (!c.at().made || mode&0o600 != 0o600) {
		mode = 0o600 // until it has its owner, and all has been written
	}
	out, err := unix.Openat(fd, name,
		unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
	if err != nil {
		return fmt.Errorf("make the file: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Close(out)) }()
	if err := c.fill(n, content, out); err != nil {
		return err
	}
	if err := c.dress(n, out, c.at().given(out, mode)); err != nil || !c.replaces {
		return err
	}
	// What it replaces is safe, and must not be gone before this is.
	if err := unix.Fsync(out); err != nil {
		return fmt.Errorf("write it to stable storage: %w", err)
	}
	return nil
}

// fill writes the contents of a file.
func (c *copier) fill(n *Node, content inside.File, out int) error {
	size, end := content.Size(), int64(0)
	if size > pieceBytes { // before all of it is written for nothing
		end = size
		if err := lengthen(out, size); err != nil {
			return err
		}
	}
	names := n.Attr.Nlink
	if c.o.All && !c.links.full {
		names = 1
	}
	err := eachData(c.ctx, content, c.buffer, func(p []byte, off int64) error {
		if err := c.meter.take(n, len(p), names); err != nil {
			return err
		}
		c.done.Bytes += int64(len(p))
		end = max(end, off+int64(len(p)))
		return writeAt(out, p, off)
	})
	if err != nil || end >= size {
		return err
	}
	return lengthen(out, size)
}

func lengthen(out int, size int64) error {
	if err := unix.Ftruncate(out, size); err != nil {
		return fmt.Errorf("make the file %d bytes long: %w", size, err)
	}
	return nil
}

// writeAt writes all of p.
func writeAt(out int, p []byte, off int64) error {
	for len(p) > 0 {
		n, err := unix.Pwrite(out, p, off)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return fmt.Errorf("write it: %w", err)
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}
