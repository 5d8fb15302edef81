package backupstore_test

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/restorefs/restorefs/backupstore"
)

// A chain as Cinder 29.0.0 wrote it: uncompressed, 135536 bytes, which is no
// whole number of sectors; the second incremental backup undoes the first.
func TestAChainOfCinder29IsReadAsItWas(t *testing.T) {
	dir := t.TempDir()
	unpack(t, filepath.Join("testdata", "cinder-29-none.tar.gz"), dir)
	c := openCatalog(t, dir, backupstore.Options{})
	const first = "c38f31b20a6ca67656af081659d1bb0963a098d74dccc26451a8b2f2e666b668"
	for _, b := range []struct{ id, sha256 string }{ // of the first MiB; all behind it is zero
		{"1a062c36-1bc0-470b-82be-75c99df10bb6", first},
		{"92c7c609-b7a1-4d7c-aa46-d89ecd5dbd34", "f88fecf63d689aa34c55d4bed6aca1ef609d91a3e89d8e31ce84a5c2ab61a76a"},
		{"045819f7-a7cf-4283-ad77-3b5cc76c17ec", first},
	} {
		v := open(t, c, b.id)
		data := make([]byte, 1<<20)
		if err := v.ReadAt(t.Context(), data, 0); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(data)); got != b.sha256 || v.Size() != 1<<30 {
			t.Errorf("%s: %d bytes, the first MiB has the digest %s", b.id, v.Size(), got)
		}
		m, err := find(t, c, b.id).ReadVolumeMeta(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n := utf8.RuneCountInString(m.Image["hw_notes"]); m.Version != 2 || n != 429 {
			t.Errorf("%s: version %d, %d characters of image metadata", b.id, m.Version, n)
		}
	}
}

// unpack writes the files of a .tar.gz below dir.
func unpack(t *testing.T, archive, dir string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		name := filepath.Join(dir, filepath.FromSlash(h.Name))
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}
