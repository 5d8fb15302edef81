package files

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
	"github.com/restorefs/restorefs/fusefs/inside"
)

// inDir returns a directory of a mode and an owner (-1: this process's), open.
func inDir(t *testing.T, mode os.FileMode, uid int) int {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "dir")
	must(t, os.Mkdir(dir, 0o700))
	must(t, os.Chmod(dir, mode))
	must(t, os.Chown(dir, uid, -1))
	fd, err := openDir(unix.AT_FDCWD, dir, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func TestADirectoryInWhichOthersMayWriteIsNotPrivate(t *testing.T) {
	for mode, want := range map[os.FileMode]bool{
		0o700: true, 0o700 | os.ModeSetgid: true, 0o710: false, 0o720: false, 0o701: false,
		0o777: false,
	} {
		if got := private(inDir(t, mode, -1)); got != want {
			t.Errorf("%v: %v", mode, got)
		}
	}
}

func TestADirectoryOfAnotherUserIsNotPrivate(t *testing.T) {
	need.Root(t)
	if private(inDir(t, 0o700, 65534)) {
		t.Error("who owns it can change all that is in it")
	}
}

func TestOnlyADirectoryThatTheCopyMadeIsItsOwn(t *testing.T) {
	f := &madeUp{files: map[uint64]*madeUpFile{
		1: {mode: typeDir | 0o755}, 2: {mode: typeDir | 0o775},
	}}
	n := f.node(t, inside.Dirent{Name: "dir", Ino: 2})
	for _, all := range []bool{true, false} {
		c := &copier{o: CopyOptions{All: all}, dirs: []target{{fd: inDir(t, 0o777, -1)}}}
		for _, want := range []bool{true, false} {
			must(t, c.enterDir(n, "dir"))
			if got := c.at().made; got != want {
				t.Errorf("all %v: %v, not %v", all, got, want)
			}
			unix.Close(c.at().fd)
			c.dirs = c.dirs[:1]
		}
	}
}
