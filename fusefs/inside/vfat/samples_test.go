package vfat

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// sampleKinds are small file systems that are damaged in tests, so that these need neither root nor
// programs. TestSamples makes them.
var sampleKinds = []struct {
	name string
	kib  int64
	mkfs []string
}{
	{"fat12", 768, []string{"mkfs.vfat", "-F", "12", "-s", "1", "-n", "SAMPLE"}},
	{"fat16", 2560, []string{"mkfs.vfat", "-F", "16", "-s", "1", "-n", "SAMPLE"}},
	{"exfat", 1536, []string{"mkfs.exfat", "-c", "512", "-b", "4096", "-L", "sample"}},
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

// The samples hold something of everything. With RESTOREFS_VFAT_SAMPLES=1 they are made anew.
func TestSamples(t *testing.T) {
	for n, kind := range sampleKinds {
		if os.Getenv("RESTOREFS_VFAT_SAMPLES") != "" {
			makeSample(t, n)
		}
		tree := ownTree(t, openBytes(t, sample(t, n)))
		if len(tree) != 34 || tree["a/b/c/d/e/f/g/h/deep"] == "" {
			t.Errorf("%s: %d files", kind.name, len(tree))
		}
	}
}

func makeSample(t *testing.T, n int) {
	kind := sampleKinds[n]
	from := source(t, 10)
	image := mkfs(t, kind.kib, kind.mkfs...)
	if kind.name == "exfat" {
		exfatMounted(t, image, func(root string) {
			guest.Command(t, "cp", "-r", "--preserve=timestamps", from+"/.", root)
		})
	} else {
		populate(t, image, from)
	}
	data, err := os.ReadFile(image)
	guest.Must(t, err)
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err = z.Write(data)
	guest.Must(t, err)
	guest.Must(t, z.Close())
	guest.Must(t, os.WriteFile(filepath.Join("testdata", kind.name+".img.gz"), out.Bytes(), 0o644))
}
