package guest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Writer does random things to a file system.
type Writer struct {
	Root  string
	R     *rand.Rand
	paths []string // that may be there
	dirs  []string
	open  []*os.File // deleted or not
}

func (w *Writer) new() string {
	dir := w.Root
	if len(w.dirs) > 0 && w.R.IntN(3) > 0 {
		dir = w.dirs[w.R.IntN(len(w.dirs))]
	}
	p := filepath.Join(dir, fmt.Sprintf("n%d%s", w.R.IntN(300), strings.Repeat("x", w.R.IntN(30))))
	w.paths = append(w.paths, p)
	return p
}

func (w *Writer) old() string {
	if len(w.paths) == 0 || w.R.IntN(8) == 0 {
		return w.new()
	}
	return w.paths[w.R.IntN(len(w.paths))]
}

func (w *Writer) bytes() []byte {
	n := w.R.IntN(200)
	if w.R.IntN(3) == 0 {
		n = w.R.IntN(30_000)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(w.R.IntN(256))
	}
	if n > 8 && w.R.IntN(4) == 0 {
		binary.BigEndian.PutUint32(b, 0xc03b3998) // must be escaped in the journal
	}
	return b
}

// Step does one thing. That it fails is as good as that it does not.
func (w *Writer) Step() { w.Do(w.R.IntN(16)) }

// Do does one of the 16 kinds of things of Step.
func (w *Writer) Do(what int) {
	switch what {
	case 0, 1, 2:
		Ignore(os.WriteFile(w.new(), w.bytes(), 0o644))
	case 3:
		if f, err := os.OpenFile(w.old(), os.O_RDWR|os.O_CREATE, 0o600); err == nil {
			_, err := f.WriteAt(w.bytes(), int64(w.R.IntN(200_000)))
			Ignore(err)
			Ignore(f.Sync())
			w.keep(f)
		}
	case 4:
		Ignore(os.Truncate(w.old(), int64(w.R.IntN(50_000))))
	case 5, 6:
		Ignore(os.Rename(w.old(), w.new()))
	case 7:
		Ignore(os.Link(w.old(), w.new()))
	case 8:
		Ignore(os.Symlink(strings.Repeat("l", 1+w.R.IntN(100)), w.new()))
	case 9, 10:
		Ignore(os.Remove(w.old()))
	case 11:
		d := w.new()
		if os.Mkdir(d, 0o755) == nil {
			w.dirs = append(w.dirs, d)
		}
	case 12:
		Ignore(unix.Setxattr(w.old(), fmt.Sprint("user.", w.R.IntN(5)), w.bytes()[:0:0], 0))
		Ignore(unix.Setxattr(w.old(), "user.v", []byte(strings.Repeat("v", w.R.IntN(300))), 0))
	case 13:
		Ignore(unix.Mknod(w.new(), unix.S_IFBLK|0o600, int(unix.Mkdev(7, uint32(w.R.IntN(1000))))))
	case 14:
		if f, err := os.Open(w.old()); err == nil {
			Ignore(f.Sync())
			w.keep(f)
		}
	case 15:
		if f, err := os.OpenFile(w.old(), os.O_RDWR, 0); err == nil {
			Ignore(unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE,
				int64(w.R.IntN(20_000)), 9000))
			Ignore(f.Sync())
			w.keep(f)
		}
	}
}

// keep leaves a file open for a while, so that deleting it leaves an orphan.
func (w *Writer) keep(f *os.File) {
	w.open = append(w.open, f)
	if len(w.open) > 10 {
		Ignore(w.open[0].Close())
		w.open = w.open[1:]
	}
}

// Close closes the files that are open.
func (w *Writer) Close() {
	for _, f := range w.open {
		Ignore(f.Close())
	}
}
