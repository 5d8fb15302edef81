package disk

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// exchange is the directory where processors read what the others wrote: "make
// test-arch" runs the tests of each on one directory.
func exchange(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("RESTOREFS_TEST_EXCHANGE"); dir != "" {
		return dir
	}
	return t.TempDir()
}

func TestADiskCacheIsTheSameForAllProcessors(t *testing.T) {
	dir := exchange(t)
	const block, slab = 32 << 10, 4 << 20
	mine := filepath.Join(dir, "disk-"+runtime.GOARCH)
	if _, err := os.Stat(mine); err != nil {
		m := content(5, 2<<20, block)
		c := opened(t, mine, 64<<20, slab, nil)
		readAll(t, c.Volume(m), m, block)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	all, err := filepath.Glob(filepath.Join(dir, "disk-*"))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for _, dir := range all {
		m := content(5, 2<<20, block)
		c := opened(t, dir, 64<<20, slab, nil)
		if n := readAll(t, c.Volume(m), m, block); n != 0 {
			t.Errorf("%s: %d bytes had to be loaded again", dir, n)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
