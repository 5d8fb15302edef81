package guest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// Command runs a program, see [Program], and returns what it printed.
func Command(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := Program(t, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// NeedMount skips a test that cannot mount here.
func NeedMount(t testing.TB) {
	t.Helper()
	need.Root(t)
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		need.Missing(t, "needs loop devices")
	}
}

// Mounted mounts an image of a kind of file system with the kernel, calls fn with where, and
// unmounts it.
func Mounted(t testing.TB, image, kind, options string, fn func(root string)) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "mnt")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	need.Program(t, "mount")
	if out, err := MountLoop(kind, "noatime"+options, image, root); err != nil {
		t.Fatalf("mount %s: %v\n%s", image, err, out)
	}
	defer Unmount(t, root)
	fn(root)
}

// MountLoop mounts an image through a loop device, and returns what mount(8) printed. It tries
// again where another process was given the same device: mount(8) chooses one and attaches it in
// two steps.
func MountLoop(kind, options, image, root string) (out []byte, err error) {
	for i := range 20 {
		out, err = exec.Command("mount", "-t", kind, "-o", "loop,"+options, image,
			root).CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("already mounted or mount point busy")) {
			break
		}
		time.Sleep(time.Duration(i) * 10 * time.Millisecond)
	}
	return out, err
}

// Unmount tries for a while: a child of another test may have a file open until
// it executes its program.
func Unmount(t testing.TB, root string) {
	t.Helper()
	var err error
	for i := range 50 {
		if err = unix.Unmount(root, 0); err == nil {
			return
		}
		time.Sleep(time.Duration(i) * 10 * time.Millisecond)
	}
	t.Errorf("unmount %s: %v", root, err)
}

// CopyFile copies a file, with holes for zeros.
func CopyFile(t testing.TB, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "--sparse=always", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
}

// Must ends a test that has an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Ignore says that an error is one that some file systems give for good reason.
func Ignore(error) {}

// Write makes a file.
func Write(t testing.TB, path string, data []byte) {
	t.Helper()
	Must(t, os.WriteFile(path, data, 0o644))
}
