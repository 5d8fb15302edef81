package xfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// fill makes what guest.Populate does not: each form of a directory, of
// attributes and of a map of extents, and blocks that files share.
func fill(t *testing.T, root string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(root, name) }
	for name, many := range map[string]int{"few": 3, "one-block": 40, "leaf": 200, "node": 1500} {
		guest.Must(t, os.Mkdir(in(name), 0o755))
		for i := range many {
			to := fmt.Sprintf("%s/%d-%s", name, i*i, strings.Repeat("n", i%90))
			guest.Must(t, os.Link(in("tiny"), in(to)))
		}
		for i := 0; i < many; i += 3 {
			guest.Must(t, os.Remove(in(fmt.Sprintf("%s/%d-%s", name, i*i, strings.Repeat("n", i%90)))))
		}
	}
	for name, many := range map[string]int{"attr-leaf": 8, "attr-tree": 200} {
		guest.Write(t, in(name), nil)
		for i := range many {
			value := bytes.Repeat([]byte{byte(i)}, i*i%2500)
			// More names than listxattr gives would be an error of the test.
			guest.Must(t, unix.Setxattr(in(name), fmt.Sprintf("user.%d", i), value, 0))
		}
	}
	f, err := os.Create(in("scattered"))
	guest.Must(t, err)
	for i := range int64(1500) {
		_, err := f.WriteAt([]byte("scattered"), (i*7919%1500)*16<<10)
		guest.Must(t, err)
	}
	guest.Must(t, f.Close())
	share(t, in("scattered"), in("shared"))
}

// share makes a file with the blocks of another, some of which are then written again.
func share(t *testing.T, from, to string) {
	t.Helper()
	src, err := os.Open(from)
	guest.Must(t, err)
	defer src.Close()
	dst, err := os.Create(to)
	guest.Must(t, err)
	defer dst.Close()
	if err := unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())); err != nil {
		return // not all file systems can
	}
	for i := range int64(40) {
		_, err := dst.WriteAt([]byte("written again"), i*40<<10)
		guest.Must(t, err)
	}
}

// scatter leaves only room that is in pieces of some blocks, and makes
// directories there, whose blocks are then in pieces too.
func scatter(t *testing.T, root string) {
	t.Helper()
	f, err := os.Create(filepath.Join(root, "ballast"))
	guest.Must(t, err)
	defer f.Close()
	var s unix.Statfs_t
	guest.Must(t, unix.Statfs(root, &s))
	size := int64(s.Bavail) * s.Bsize / 16 * 15
	guest.Must(t, unix.Fallocate(int(f.Fd()), 0, 0, size))
	for step := int64(1 << 20); step >= s.Bsize; step >>= 1 {
		for {
			if err := unix.Fallocate(int(f.Fd()), 0, size, step); errors.Is(err, unix.ENOSPC) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			size += step
		}
	}
	for off := int64(0); off < size/16; off += 5 * s.Bsize {
		const flags = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
		guest.Must(t, unix.Fallocate(int(f.Fd()), flags, off, 2*s.Bsize))
	}
	dir := filepath.Join(root, "in-pieces")
	guest.Must(t, os.Mkdir(dir, 0o755))
	for i := range 500 {
		name := fmt.Sprintf("%d-%s", i, strings.Repeat("p", 150))
		guest.Must(t, os.Link(filepath.Join(root, "ballast"), filepath.Join(dir, name)))
	}
}

// formsEnv says that more than one file system is made to have each form.
const formsEnv = "RESTOREFS_XFS_FORMS"

// Every form of directories, attributes and maps of extents is read.
func TestEachFormIsRead(t *testing.T) {
	needMount(t)
	list := []string{
		"-b size=1024 -n size=65536 -i nrext64=1 -m rmapbt=1",
		"", "-b size=1024", "-n size=32768", "-i size=1024 -b size=2048",
		"-b size=16384", "-b size=65536 -m rmapbt=0 -d agcount=1",
		"-b size=32768 -i size=1024 -n size=65536 -d agcount=1",
	}
	if os.Getenv(formsEnv) == "" {
		list = list[:1]
	}
	for _, args := range list {
		if os.Getenv(oldEnv) != "" {
			args = "-m crc=0 " + strings.ReplaceAll(args, "-i nrext64=1 -m rmapbt=1", "")
		}
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			image := mkfs(t, 200, strings.Fields(args)...)
			if !mountable(t, image) {
				t.Skip("not in this run: this kernel has no blocks larger than its pages")
			}
			mounted(t, image, "", func(root string) {
				guest.Populate(t, root, 60)
				fill(t, root)
				scatter(t, root)
			})
			var want guest.View
			mounted(t, image, ",ro", func(root string) { want = hostView(t, root) })
			ownView(opened(t, image, Options{})).Compare(t, want)
		})
	}
}
