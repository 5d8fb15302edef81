package btrfs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// reader fits an FS to what the tests of all file systems use.
func reader(f *FS) *guest.FS {
	return &guest.FS{
		Root: f.Root, Readlink: f.Readlink, Lookup: f.Lookup,
		Stat: func(ino uint64) (guest.Attr, error) {
			a, err := f.Stat(ino)
			return guest.Attr(a), err
		},
		ReadDir: func(dir uint64, fn func(guest.Dirent) error) error {
			return f.ReadDir(dir, func(d Dirent) error { return fn(guest.Dirent(d)) })
		},
		Xattrs: func(ino uint64) (list []guest.Xattr, err error) {
			own, err := f.Xattrs(ino)
			for _, x := range own {
				list = append(list, guest.Xattr(x))
			}
			return list, err
		},
		Open: func(ino uint64) (guest.File, error) { return f.Open(ino) },
	}
}

// ownView is what this package shows. The number of a file is that in its subvolume, as the kernel
// shows it.
func ownView(f *FS) guest.View {
	r := reader(f)
	return guest.OwnView(r)
}

// mkfs makes an image of so many MiB.
func mkfs(t testing.TB, mib int64, args ...string) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	guest.Write(t, image, nil)
	guest.Must(t, os.Truncate(image, mib<<20))
	guest.Command(t, "mkfs.btrfs", append(append([]string{"-q", "-f"}, args...), image)...)
	return image
}

// needMount skips a test that needs a kernel that mounts btrfs.
func needMount(t testing.TB) {
	t.Helper()
	guest.NeedMount(t)
	known := func() bool {
		b, err := os.ReadFile("/proc/filesystems")
		return err == nil && bytes.Contains(b, []byte("\tbtrfs\n"))
	}
	if !known() && (exec.Command("modprobe", "btrfs").Run() != nil || !known()) {
		need.Missing(t, "needs a kernel that mounts btrfs")
	}
}

// mounted mounts an image with the kernel, calls fn with where, and unmounts it.
func mounted(t testing.TB, image, options string, fn func(root string)) {
	t.Helper()
	guest.Mounted(t, image, "btrfs", options, fn)
}

// opened opens an image in a file.
func opened(t testing.TB, path string) *FS {
	t.Helper()
	file, err := os.Open(path)
	guest.Must(t, err)
	t.Cleanup(func() { file.Close() })
	fi, err := file.Stat()
	guest.Must(t, err)
	f, err := Open(file, fi.Size(), Options{})
	guest.Must(t, err)
	return f
}

// openBytes opens an image in memory.
func openBytes(t testing.TB, image []byte) *FS {
	t.Helper()
	f, err := Open(bytes.NewReader(image), int64(len(image)), Options{})
	guest.Must(t, err)
	return f
}
