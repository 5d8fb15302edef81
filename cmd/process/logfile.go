package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func openLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NONBLOCK|unix.O_NOCTTY,
		0o600)
	if errors.Is(err, unix.ENXIO) {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("--log-file: %w", err)
	}
	if err := isLog(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("--log-file: %w", err)
	}
	return f, nil
}

// isLog refuses a file to which messages must not be appended: a pipe, which may have no reader, or
// a file that is not text, such as a disk. It changes nothing in the file.
func isLog(f *os.File) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.Mode()&os.ModeCharDevice != 0: // a terminal, or /dev/null
		return nil
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", f.Name())
	}
	old, err := os.OpenFile(f.Name(), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil // it may be for writing only
	}
	defer old.Close()
	p := make([]byte, 4096)
	for _, off := range []int64{0, max(0, info.Size()-int64(len(p)))} {
		n, _ := old.ReadAt(p, off)
		if bytes.IndexByte(p[:n], 0) >= 0 {
			return fmt.Errorf("%s is there and no text: it is not appended to; name another file",
				f.Name())
		}
	}
	return nil
}
