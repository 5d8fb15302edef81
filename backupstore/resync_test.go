package backupstore_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// stored writes a backup of one object. What storetest cannot compress a program
// does.
func stored(t *testing.T, dir string, content storetest.Content, compression string) storetest.Backup {
	t.Helper()
	spec := storetest.Spec{ID: storetest.ID("stored"), VolumeID: storetest.ID("volume"), Content: content, Compression: compression}
	if compression != "bz2" {
		return storetest.MustWrite(t, dir, spec)
	}
	if _, err := exec.LookPath("bzip2"); err != nil {
		t.Skip("needs the program bzip2")
	}
	spec.Compression = "none"
	b := storetest.MustWrite(t, dir, spec)
	cmd := exec.Command("bzip2", "-9", "-c", b.Path("-00001"))
	packed, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(b.Path("_metadata"))
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.ReplaceAll(string(text), `"compression": "none"`, `"compression": "bz2"`))
	for path, data := range map[string][]byte{b.Path("-00001"): packed, b.Path("_metadata"): text} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// With an index that was made while the object was whole, what lies behind the
// checkpoint after the damage is kept.
func TestDecodingGoesOnAtACheckpointBehindTheDamage(t *testing.T) {
	content := storetest.Text(8<<20, 5)
	want := all(t, content)
	for _, compression := range []string{"zlib", "zstd", "bz2"} {
		for _, place := range []int64{3, 6} { // tenths of the object
			t.Run(compression, func(t *testing.T) {
				t.Parallel()
				dir, o := t.TempDir(), backupstore.Options{IndexDir: t.TempDir()}
				b := stored(t, dir, content, compression)
				c := openCatalog(t, dir, o)
				if err := open(t, c, b.ID).BuildIndex(t.Context(), backupstore.IndexOptions{}); err != nil {
					t.Fatal(err)
				}
				c.Close()
				path := b.Path("-00001")
				st, err := os.Stat(path)
				if err == nil {
					err = flip(path, st.Size()*place/10, 4)
				}
				if err == nil {
					err = os.Chtimes(path, st.ModTime(), st.ModTime()) // as rot does it
				}
				if err != nil {
					t.Fatal(err)
				}
				c = openCatalog(t, dir, o)
				for _, piece := range []int64{1 << 20, 8 << 20, 32 << 10} {
					s := &backupstore.Salvage{Volume: open(t, c, b.ID)}
					got := make([]byte, len(want))
					for off := int64(0); off < content.Size(); off += piece {
						if err := s.ReadAt(t.Context(), got[off:off+piece], off); err != nil {
							t.Fatal(err)
						}
					}
					bad := s.Bad()
					if len(bad) == 0 {
						t.Fatal("the damage was not noticed")
					}
					first, last := bad[0].Off, bad[len(bad)-1].Off+bad[len(bad)-1].Len
					if last == content.Size() || last-first > 3<<20 {
						t.Errorf("read in pieces of %d, bytes %d to %d of %d are lost", piece, first, last, content.Size())
					}
					expect := bytes.Clone(want)
					for _, r := range bad {
						clear(expect[r.Off : r.Off+r.Len])
					}
					if !bytes.Equal(got, expect) {
						t.Error("wrong bytes")
					}
				}
				// The damage was of the object: its index is not to blame.
				if r := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...)[b.ID]; r.OK || r.Bytes < 5<<20 {
					t.Errorf("%+v", r)
				}
			})
		}
	}
}

// An index of an object that was damaged then and is whole now leads astray, and
// no checksum of its own tells.
func TestAnIndexOfWhatTheObjectOnceWasIsDropped(t *testing.T) {
	content := storetest.Text(8<<20, 5)
	want := all(t, content)
	for _, compression := range []string{"zlib", "zstd", "bz2"} {
		t.Run(compression, func(t *testing.T) {
			t.Parallel()
			dir, o := t.TempDir(), backupstore.Options{IndexDir: t.TempDir()}
			b := stored(t, dir, content, compression)
			path := b.Path("-00001")
			st, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			harm := func() {
				for i := int64(1); i < 10; i++ {
					if err := flip(path, st.Size()*i/10, 4); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.Chtimes(path, st.ModTime(), st.ModTime()); err != nil {
					t.Fatal(err)
				}
			}
			harm()
			c := openCatalog(t, dir, o)
			_ = open(t, c, b.ID).BuildIndex(t.Context(), backupstore.IndexOptions{})
			c.Close()
			harm() // which undoes it
			v := open(t, openCatalog(t, dir, o), b.ID)
			p := make([]byte, 100_000)
			for _, off := range []int64{7 << 20, 1 << 20, 4_000_000, 0} {
				if err := v.ReadAt(t.Context(), p, off); err != nil || !bytes.Equal(p, want[off:off+100_000]) {
					t.Fatalf("at %d: %v", off, err)
				}
			}
		})
	}
}
