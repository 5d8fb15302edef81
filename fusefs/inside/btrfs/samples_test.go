package btrfs

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// sampleKinds are small file systems that are damaged in tests, so that these need neither root nor
// programs. A kernel has filled them; TestSamples makes them.
var sampleKinds = []struct{ name, mkfs, options string }{
	{"lzo", "--mixed -n 4096 -m single -d single", ",compress-force=lzo"},
	{"zstd", "--mixed -n 4096 -m single -d single -O ^no-holes", ",compress-force=zstd"},
}

// sample returns a sample by its number.
func sample(t testing.TB, n int) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", sampleKinds[n].name+".img.gz"))
	guest.Must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	guest.Must(t, err)
	image, err := io.ReadAll(z)
	guest.Must(t, err)
	return image
}

// The samples hold something of everything. With RESTOREFS_BTRFS_SAMPLES=1 they are made anew.
func TestSamples(t *testing.T) {
	for n, kind := range sampleKinds {
		if os.Getenv("RESTOREFS_BTRFS_SAMPLES") != "" {
			makeSample(t, n)
		}
		v := ownView(openBytes(t, sample(t, n)))
		for path, facts := range v {
			if facts["error"]+facts["readdir"]+facts["lookup"]+facts["xattr error"]+
				facts["target error"] != "" {
				t.Errorf("%s: %q: %v", kind.name, path, facts)
			}
		}
		if len(v) != 63 || v["sub/nested/deep"]["size"] != "4" {
			t.Errorf("%s: %d files", kind.name, len(v))
		}
	}
}

func makeSample(t *testing.T, n int) {
	needMount(t)
	kind := sampleKinds[n]
	image := mkfs(t, 16, strings.Fields(kind.mkfs)...)
	mounted(t, image, kind.options, func(root string) { fillSample(t, root) })
	guest.Must(t, os.MkdirAll("testdata", 0o755))
	out := filepath.Join("testdata", kind.name+".img.gz")
	guest.Must(t, exec.Command("sh", "-c", "gzip -9n <"+image+" >"+out).Run())
}

func fillSample(t *testing.T, root string) {
	in := func(name string) string { return filepath.Join(root, name) }
	guest.Write(t, in("tiny.txt"), []byte("tiny\n"))
	guest.Write(t, in("text"), bytes.Repeat([]byte("all work and no play\n"), 15_000))
	guest.Must(t, os.Symlink("tiny.txt", in("link")))
	guest.Must(t, os.Mkdir(in("many"), 0o755))
	for i := range 40 {
		guest.Must(t, os.Link(in("tiny.txt"), in(fmt.Sprintf("many/%s %d", strings.Repeat("m", 30), i))))
	}
	for i := range 10 {
		guest.Write(t, in(fmt.Sprintf("file%d", i)), bytes.Repeat([]byte("x"), i*900))
	}
	guest.Must(t, unix.Setxattr(in("text"), "user.a", bytes.Repeat([]byte("a"), 900), 0))
	f, err := os.Create(in("holes"))
	guest.Must(t, err)
	for i := range int64(30) {
		_, err := f.WriteAt([]byte("piece"), i*(i+3)*4096)
		guest.Must(t, err)
	}
	guest.Must(t, f.Close())
	guest.Command(t, "btrfs", "-q", "subvolume", "create", in("sub"))
	guest.Write(t, in("sub/within"), bytes.Repeat([]byte("within "), 3000))
	guest.Command(t, "btrfs", "-q", "subvolume", "create", in("sub/nested"))
	guest.Write(t, in("sub/nested/deep"), []byte("deep"))
	guest.Command(t, "btrfs", "-q", "subvolume", "snapshot", in("sub"), in("snapshot"))
}
