package ext4

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// mkfs makes an image of so many MiB.
func mkfs(t testing.TB, size int, args ...string) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, int64(size)<<20); err != nil {
		t.Fatal(err)
	}
	guest.Command(t, "mke2fs", append(append([]string{"-q", "-F"}, args...), image)...)
	return image
}

// opened opens an image with this package.
func opened(t testing.TB, image string, opt Options) *FS {
	t.Helper()
	file, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	fi, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(file, fi.Size(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
