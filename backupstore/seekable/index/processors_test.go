package index

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// exchange is where what one processor wrote is read by all others: "make
// test-arch" runs the tests of each on one directory.
func exchange(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("RESTOREFS_TEST_EXCHANGE"); dir != "" {
		return dir
	}
	return t.TempDir()
}

func TestAnIndexIsTheSameForAllProcessors(t *testing.T) {
	dir := exchange(t)
	const points = 40
	mine := filepath.Join(dir, "index-"+runtime.GOARCH)
	if _, err := os.Stat(mine); err != nil {
		writeFiles(t, mine, points, true)
	}
	all, err := filepath.Glob(filepath.Join(dir, "index-*"))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for _, dir := range all {
		x := openStore(t, dir, 1<<30).Index(testKey("o"))
		if n := check(t, x); n != points || !x.Complete() {
			t.Errorf("%s: %d of %d checkpoints, complete: %v", dir, n, points, x.Complete())
		}
		x.Close()
	}
}
