package backupstore_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// Chains as newer releases wrote them: uncompressed, 135536 bytes, which is no whole number of
// sectors; the second incremental backup undoes the first.
func TestChainsOfNewerCindersAreReadAsTheyWere(t *testing.T) {
	const (
		first = "c38f31b20a6ca67656af081659d1bb0963a098d74dccc26451a8b2f2e666b668" // of the first MiB;
		then  = "f88fecf63d689aa34c55d4bed6aca1ef609d91a3e89d8e31ce84a5c2ab61a76a" // all behind it is zero
	)
	for release, ids := range map[string][3]string{
		"26": {"e31d1a98-49b9-44f0-a96d-74f2b5e83ff3", "e07bdf7f-0a02-4103-992f-8dfbbd5a3c23", "7633931a-d9e3-4470-93c2-1ca034988216"},
		"28": {"abe8354f-134b-49dd-978d-aa2def2e2f34", "efffa614-a89e-4ef9-ae81-2ab816a2da53", "118fbc4d-eeaa-46ae-9c50-8a08309ee7c0"},
		"29": {"1a062c36-1bc0-470b-82be-75c99df10bb6", "92c7c609-b7a1-4d7c-aa46-d89ecd5dbd34", "045819f7-a7cf-4283-ad77-3b5cc76c17ec"},
	} {
		t.Run(release, func(t *testing.T) {
			dir := t.TempDir()
			unpack(t, filepath.Join("testdata", "cinder-"+release+"-none.tar.gz"), dir)
			c := openCatalog(t, dir, backupstore.Options{})
			for i, id := range ids {
				b := find(t, c, id)
				if b.State != backupstore.Complete || len(b.Problems) > 0 {
					t.Errorf("%s is %s: %q", id, b.State, b.Problems)
				}
				v := open(t, c, id)
				data := make([]byte, 1<<20)
				if err := v.ReadAt(t.Context(), data, 0); err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprintf("%x", sha256.Sum256(data)); got != [3]string{first, then, first}[i] || v.Size() != 1<<30 {
					t.Errorf("%s: %d bytes, the first MiB has the digest %s", id, v.Size(), got)
				}
				m, err := b.ReadVolumeMeta(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if n := utf8.RuneCountInString(m.Image["hw_notes"]); m.Version != 2 || n != 429 {
					t.Errorf("%s: version %d, %d characters of image metadata", id, m.Version, n)
				}
			}
		})
	}
}

// What a release after those that are known writes may mean something else.
func TestWhatNoKnownCinderWritesIsToldWithTheReleasesThatAreKnown(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string
		state    backupstore.State
		says     []string
	}{
		"another version": {`"version": "1.0.0"`, `"version": "1.1.0"`, backupstore.Broken,
			[]string{`unknown version "1.1.0"`, `Cinder up to 29.0.0 (2026.2) writes "1.0.0"`}},
		"another name": {`"parent_id"`, `"dedup_table": "x", "parent_id"`, backupstore.Complete,
			[]string{`"dedup_table"`, "Cinder up to 29.0.0 (2026.2) writes"}},
		"a name that is written where there is something to write": {`"parent_id"`, `"extra_metadata": {"a": 1}, "parent_id"`,
			backupstore.Complete, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b := stored(t, dir, storetest.Text(1<<20, 1), "zlib")
			text, err := os.ReadFile(b.Path("_metadata"))
			if err == nil {
				err = os.WriteFile(b.Path("_metadata"), bytes.Replace(text, []byte(c.from), []byte(c.to), 1), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			got := find(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
			problems := strings.Join(got.Problems, "; ")
			if got.State != c.state || (problems == "") != (c.says == nil) {
				t.Errorf("%s: %s", got.State, problems)
			}
			for _, want := range c.says {
				if !strings.Contains(problems, want) {
					t.Errorf("%q does not say %q", problems, want)
				}
			}
		})
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
