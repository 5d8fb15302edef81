package browse

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/wording"
)

// catWriter is where cat writes. It remembers its error, which is not one of what is read.
type catWriter struct {
	w    io.Writer
	file *os.File // the same, if it is a regular file: that can have holes
	path string   // what is written, for people
	tell func(text string)
	err  error
}

var _ files.HoleWriter = (*catWriter)(nil)

// Write implements io.Writer.
func (c *catWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err != nil {
		c.err = err
	}
	return n, err
}

// longHole is how many zeros are told before they are written.
const longHole = 1 << 30

// WriteHole implements files.HoleWriter.
func (c *catWriter) WriteHole(n int64) (made bool, err error) {
	if c.file != nil {
		if made, err = leaveHole(c.file, n); err != nil {
			c.err = err
		}
	}
	if !made && err == nil && n >= longHole {
		c.tell(fmt.Sprintf("%s: %s of zeros follow, for a hole: \"restorefs cp\" keeps holes",
			c.path, wording.Size(n)))
	}
	return made, err
}

// regularFile returns f if it is a regular file, else nil.
func regularFile(f *os.File) *os.File {
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return f
}

// leaveHole makes a file longer by a hole, if it ends where what is written next goes to.
func leaveHole(f *os.File, n int64) (made bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil {
		return false, err
	}
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil || flags&unix.O_APPEND == 0 && at != info.Size() {
		return false, nil
	}
	if err := f.Truncate(info.Size() + n); err != nil {
		return false, fmt.Errorf("make room for %d zeros: %w", n, err)
	}
	_, err = f.Seek(0, io.SeekEnd)
	return true, err
}
