package xfs

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// shutdown ends a file system as a power cut does: nothing that it has in memory
// is written any more, but what is in its log, with flush.
func shutdown(t *testing.T, root string, flush bool) {
	t.Helper()
	words := "shutdown"
	if flush {
		words = "shutdown -f"
	}
	guest.Command(t, "xfs_io", "-x", "-c", words, root)
}

// A file system that ended in the middle of sharing and unsharing many extents
// shows what the kernel shows of it, whatever was not finished.
func TestWhatAPowerCutLeavesUnfinishedIsFinished(t *testing.T) {
	needMount(t)
	for i, kind := range []string{"-m rmapbt=1", "-b size=1024"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			image := mkfs(t, 100, strings.Fields(kind)...)
			mounted(t, image, "", func(root string) { shareUntilCut(t, root, i > 0) })
			compareCopies(t, append(cutLogs(t, image), image))
		})
	}
}

func shareUntilCut(t *testing.T, root string, flush bool) {
	from := filepath.Join(root, "from")
	f, err := os.Create(from)
	guest.Must(t, err)
	for i := range int64(600) {
		_, err := f.WriteAt([]byte(fmt.Sprint("extent ", i)), i*16<<10)
		guest.Must(t, err)
	}
	guest.Must(t, f.Sync())
	guest.Must(t, f.Close())
	var both sync.WaitGroup
	both.Go(func() {
		for i := 0; cloneFile(from, filepath.Join(root, fmt.Sprint("to", i%3))) == nil; i++ {
		}
	})
	// The log is written all the time, so that it ends anywhere in what belongs together.
	both.Go(func() {
		f, err := os.Create(filepath.Join(root, "synced"))
		if err != nil {
			return
		}
		defer f.Close()
		for f.Sync() == nil {
			guest.Ignore(f.Chmod(0o600 + os.FileMode(time.Now().Nanosecond()&7)))
		}
	})
	time.Sleep(100 * time.Millisecond)
	shutdown(t, root, flush)
	both.Wait()
}

func cloneFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	defer dst.Close()
	if err := unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())); err != nil {
		return err
	}
	_, err = dst.WriteAt([]byte("again"), 16<<10)
	return err
}

// cutLog is a disk whose log ends earlier: what follows is zeros.
type cutLog struct {
	io.ReaderAt
	begin, end int64
}

func (c *cutLog) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	for i := range p[:n] {
		if at := off + int64(i); at >= c.begin && at < c.end {
			p[i] = 0
		}
	}
	return n, err
}

// cutLogs makes copies of a disk whose logs end in the middle of what belongs
// together: as if what follows had not been written yet.
func cutLogs(t *testing.T, image string) (copies []string) {
	t.Helper()
	full := opened(t, image, Options{NoReplay: true})
	l, s, err := full.findLog()
	guest.Must(t, err)
	tried := 0
	for at := s.tail; at < s.head && len(copies) < 2 && tried < 40; tried++ {
		r, err := l.header(at)
		guest.Must(t, err)
		if at = l.end(r); at >= s.head {
			break
		}
		cut := &cutLog{full.dev.R, l.begin + at<<sectorShift, l.begin + s.head<<sectorShift}
		f, err := Open(cut, full.dev.Size, Options{})
		guest.Must(t, err)
		if len(f.pending) == 0 {
			continue
		}
		path := fmt.Sprint(image, at)
		guest.CopyFile(t, image, path)
		w, err := os.OpenFile(path, os.O_RDWR, 0)
		guest.Must(t, err)
		_, err = w.WriteAt(make([]byte, cut.end-cut.begin), cut.begin)
		guest.Must(t, err)
		guest.Must(t, w.Close())
		copies = append(copies, path)
	}
	return copies
}
