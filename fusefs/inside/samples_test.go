package inside

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"testing"
)

// The readers that no other test of this package opens open by the kind that is found.
func TestEachReaderIsFoundByItsKind(t *testing.T) {
	for _, c := range []struct{ sample, kind, name string }{
		{"ntfs/testdata/clusters4096.img.gz", "NTFS", "tiny.txt"},
		{"btrfs/testdata/zstd.img.gz", "btrfs", "tiny.txt"},
	} {
		f, err := os.Open(c.sample)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Look(bytes.NewReader(data), int64(len(data)))
		if err != nil || len(d.Parts) != 1 || !d.Parts[0].Readable() || d.Parts[0].Kind != c.kind {
			t.Fatalf("%s: %+v, %v", c.kind, d, err)
		}
		fs, err := d.Parts[0].Open(Options{})
		if err != nil {
			t.Fatal(err)
		}
		ino, err := fs.Lookup(fs.Root(), c.name)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := fs.Stat(ino); err != nil || a.Size != 5 {
			t.Errorf("%s: %+v, %v", c.kind, a, err)
		}
		if _, err := fs.Open(ino); err != nil {
			t.Errorf("%s: %v", c.kind, err)
		}
	}
}
