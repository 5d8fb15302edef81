package xfs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// mkfs makes an image of so many MiB.
func mkfs(t testing.TB, size int, args ...string) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	guest.Write(t, image, nil)
	guest.Must(t, os.Truncate(image, int64(size)<<20))
	// It makes none as small as that unless it is told so.
	guest.Command(t, "mkfs.xfs", append(append([]string{"-q", "-f", "--unsupported"}, args...),
		image)...)
	return image
}

// needMount skips a test that needs a kernel that mounts XFS.
func needMount(t testing.TB) {
	t.Helper()
	guest.NeedMount(t)
	known := func() bool {
		b, err := os.ReadFile("/proc/filesystems")
		return err == nil && bytes.Contains(b, []byte("\txfs\n"))
	}
	if !known() && (exec.Command("modprobe", "xfs").Run() != nil || !known()) {
		need.Missing(t, "needs a kernel that mounts XFS")
	}
}

// mounted mounts an image with the kernel, calls fn with where, and unmounts it.
func mounted(t testing.TB, image, options string, fn func(root string)) {
	t.Helper()
	guest.Mounted(t, image, "xfs", ",nouuid"+options, fn)
}

// opened opens an image with this package.
func opened(t testing.TB, image string, opt Options) *FS {
	t.Helper()
	file, err := os.Open(image)
	guest.Must(t, err)
	t.Cleanup(func() { file.Close() })
	fi, err := file.Stat()
	guest.Must(t, err)
	f, err := Open(file, fi.Size(), opt)
	guest.Must(t, err)
	return f
}

// openBytes opens an image in memory.
func openBytes(t testing.TB, image []byte, opt Options) *FS {
	t.Helper()
	f, err := Open(bytes.NewReader(image), int64(len(image)), opt)
	guest.Must(t, err)
	return f
}

// reader makes a file system comparable.
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

// ownView is what this package shows, with the error instead of what cannot be read.
func ownView(f *FS) guest.View { return guest.OwnView(reader(f)) }

// hostView is what the kernel shows below a directory. It shows ACLs twice: as
// such, and as they are stored.
func hostView(t *testing.T, root string) guest.View {
	t.Helper()
	v := guest.HostView(t, root)
	for _, facts := range v {
		delete(facts, "xattr trusted.SGI_ACL_FILE")
		delete(facts, "xattr trusted.SGI_ACL_DEFAULT")
	}
	return v
}
