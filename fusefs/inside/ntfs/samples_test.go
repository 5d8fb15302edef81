package ntfs

import (
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// sampleKinds are small file systems that are damaged in tests, so that these need neither root nor
// programs. ntfs-3g has filled them; TestSamples makes them.
var sampleKinds = []struct{ name, mkfs string }{
	{"clusters512", "-c 512 -C"},
	{"clusters4096", "-c 4096"},
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

// The samples hold something of everything. With RESTOREFS_NTFS_SAMPLES=1 they are made anew.
func TestSamples(t *testing.T) {
	for n, kind := range sampleKinds {
		if os.Getenv("RESTOREFS_NTFS_SAMPLES") != "" {
			makeSample(t, kind.name, strings.Fields(kind.mkfs))
		}
		v := guest.OwnView(reader(openBytes(t, sample(t, n))))
		for path, facts := range v {
			if facts["error"]+facts["readdir"]+facts["lookup"]+facts["xattr error"]+
				facts["target error"] != "" {
				t.Errorf("%s: %q: %v", kind.name, path, facts)
			}
		}
		if len(v) != 91 || v["a/b/c/d/e/f/g/h/i/j/deep"]["size"] != "4" {
			t.Errorf("%s: %d files", kind.name, len(v))
		}
	}
}

func makeSample(t *testing.T, name string, args []string) {
	image := mkfs(t, 2<<10, args...)
	mounted(t, image, ",compression", func(root string) { fillSample(t, root) })
	clearUpcase(t, image)
	guest.Must(t, os.MkdirAll("testdata", 0o755))
	out := filepath.Join("testdata", name+".img.gz")
	guest.Must(t, exec.Command("sh", "-c", "gzip -9n <"+image+" >"+out).Run())
}

// clearUpcase clears the table of capital letters, which is not read here and is the greater part
// of a small file system.
func clearUpcase(t *testing.T, image string) {
	const recordUpcase = 10
	f := opened(t, image)
	n, err := f.inode(recordUpcase)
	guest.Must(t, err)
	s, err := n.open(attrData, "")
	guest.Must(t, err)
	r, err := s.runAt(0)
	guest.Must(t, err)
	file, err := os.OpenFile(image, os.O_WRONLY, 0)
	guest.Must(t, err)
	defer file.Close()
	_, err = file.WriteAt(make([]byte, int64(r.count)*f.cluster), int64(r.lcn)*f.cluster)
	guest.Must(t, err)
}
