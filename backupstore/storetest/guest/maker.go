package guest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// RootEnv names a directory with the root of another system of this processor: what makes file
// systems is taken from there, and what fills them and shows them is this machine's.
const RootEnv = "RESTOREFS_GUEST_ROOT"

// Program is a program, of the system that RootEnv names if it makes file systems.
func Program(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	root := os.Getenv(RootEnv)
	if root == "" || !strings.HasPrefix(name, "mk") && name != "lvm" {
		need.Program(t, name)
		return exec.Command(name, args...)
	}
	// Its own loader and libraries: so it runs where this machine's files are, and without root.
	loader := inRoot(t, root, "lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1")
	cmd := exec.Command(loader, append([]string{"--library-path", libraries(root),
		inRoot(t, root, "usr/sbin/"+name, "sbin/"+name, "usr/bin/"+name)}, args...)...)
	cmd.Env = append(os.Environ(), "MKE2FS_CONFIG="+filepath.Join(root, "etc/mke2fs.conf"))
	return cmd
}

// libraries are where programs of a root look for theirs.
func libraries(root string) string {
	dirs, _ := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-gnu")) // the pattern is one
	return strings.Join(append(dirs, filepath.Join(root, "usr/lib")), ":")
}

// inRoot returns the first of some files that is in a root.
func inRoot(t testing.TB, root string, names ...string) string {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(root, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Fatalf("%s has no %s", root, strings.Join(names, " or "))
	return ""
}
