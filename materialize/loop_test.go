package materialize

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// tool runs a program, or skips the test if it is missing.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		need.Missing(t, "needs %s", name)
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// loopOf attaches a loop device to a file until the test ends.
func loopOf(t *testing.T, file string, args ...string) string {
	t.Helper()
	if os.Getuid() != 0 {
		need.Missing(t, "needs root for loop devices")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		need.Missing(t, "needs loop devices")
	}
	out := tool(t, "losetup", append(args, "--show", "-f", file)...)
	dev := out[strings.LastIndexByte(out, '\n')+1:]
	t.Cleanup(func() { tool(t, "losetup", "-d", dev) })
	return dev
}

// newLoop returns a loop device on a new sparse file of n bytes.
func newLoop(t *testing.T, n int64, args ...string) (dev, file string) {
	t.Helper()
	file = filepath.Join(tempDir(t), "backing")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, n); err != nil {
		t.Fatal(err)
	}
	return loopOf(t, file, args...), file
}

// mountOn mounts a device until the test ends.
func mountOn(t *testing.T, dev string, args ...string) string {
	t.Helper()
	dir := tempDir(t)
	tool(t, "mount", append(args, dev, dir)...)
	t.Cleanup(func() { tool(t, "umount", dir) })
	return dir
}

// tempDir returns a directory in memory if possible: most tests wait for fsync
// often and gain nothing from a disk.
func tempDir(t *testing.T) string {
	t.Helper()
	d, err := os.MkdirTemp("/dev/shm", filepath.Base(os.TempDir())+"-") // leaktest knows it
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(d) })
	return d
}
