// Package need is for tests that need what not every machine offers: root,
// /dev/fuse, a program. Only tests import it.
package need

import (
	"os"
	"os/exec"
	"testing"
)

// All is the environment variable that says that this machine is meant to run
// every test; .ci/run sets it.
const All = "RESTOREFS_TEST_ALL"

// NotInThisRun is how the reason of a skip begins if nothing is missing: the
// test does not belong in this run, whatever the machine offers. Such a test
// calls t.Skip.
const NotInThisRun = "not in this run: "

// Missing skips a test because something is missing, or fails it if [All] is
// set.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv(All) != "" {
		t.Fatalf("cannot run here: "+format, args...)
	}
	t.Skipf(format, args...)
}

// Program skips a test if a program is missing.
func Program(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			Missing(t, "needs the program %s", name)
		}
	}
}

// Root skips a test whose user is not root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "needs root")
	}
}
