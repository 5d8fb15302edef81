package overlay

import (
	"bytes"
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

func TestAnOverlayIsTheSameForAllProcessors(t *testing.T) {
	dir := exchange(t)
	data := bytes.Repeat([]byte("overlay"), 3*blockBytes)
	const off = pageBlocks*blockBytes - 5*blockBytes/2 // two pages have a part of it
	mine := filepath.Join(dir, "overlay-"+runtime.GOARCH)
	if _, err := os.Stat(mine); err != nil {
		if err := os.Mkdir(mine, 0o700); err != nil {
			t.Fatal(err)
		}
		o := mustOpen(t, mine, Options{})
		if err := o.WriteAt(t.Context(), data, off); err != nil {
			t.Fatal(err)
		}
		if err := o.Zero(t.Context(), 0, blockBytes); err != nil {
			t.Fatal(err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	all, err := filepath.Glob(filepath.Join(dir, "overlay-*"))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for _, dir := range all {
		b := &base{size: simSize}
		o, err := OpenReadOnly(t.Context(), dir, testKey, b, Options{})
		if err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		got := make([]byte, len(data))
		if err := o.ReadAt(t.Context(), got, off); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: other bytes than were written (%v)", dir, err)
		}
		if err := o.ReadAt(t.Context(), got[:blockBytes], 0); err != nil || !bytes.Equal(got[:blockBytes], make([]byte, blockBytes)) {
			t.Errorf("%s: no zeros where they were written (%v)", dir, err)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
}
