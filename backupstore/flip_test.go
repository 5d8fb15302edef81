package backupstore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// alone copies the files of one fixture to a share of their own.
func alone(t *testing.T, from string, f storetest.Fixture) (dir string) {
	t.Helper()
	dir = t.TempDir()
	files, err := filepath.Glob(filepath.Join(from, filepath.FromSlash(f.Container), f.Prefix+"*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(name)), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// outcome is what became of a backup with one bit flipped.
type outcome int

const (
	refused  outcome = iota // it cannot be opened, or is not there any more
	harmless                // it reads as ever
	noticed                 // blocks of it fail, all others are right
)

// readFlipped reads the only backup in dir. A byte that is wrong fails the test.
func readFlipped(t *testing.T, dir string, want []byte, what string) outcome {
	t.Helper()
	s, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := backupstore.NewCatalog(s, backupstore.Options{})
	defer c.Close()
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(c.Backups()) != 1 || c.Backups()[0].Chain() == nil {
		return refused
	}
	v, err := c.Open(t.Context(), c.Backups()[0])
	if errors.Is(err, backupstore.ErrDamaged) {
		return refused
	}
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	salvage := &backupstore.Salvage{Volume: v}
	n := min(int64(len(want)), v.Size())
	got := make([]byte, n)
	if err := salvage.ReadAt(t.Context(), got, 0); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	want = bytes.Clone(want[:n])
	for _, r := range salvage.Bad() {
		clear(want[min(r.Off, n):min(r.Off+r.Len, n)])
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: silently wrong bytes", what)
	}
	// A reader that does not salvage must not get through either.
	err = v.ReadAt(t.Context(), got, 0)
	if damaged := len(salvage.Bad()) > 0; errors.Is(err, backupstore.ErrDamaged) != damaged || err != nil && !damaged {
		t.Fatalf("%s: bad %v, reading says %v", what, salvage.Bad(), err)
	}
	if err != nil {
		return noticed
	}
	return harmless
}

func TestNoFlippedBitOfAnObjectGivesAWrongByte(t *testing.T) {
	from, fixtures := storetest.Fixtures(t)
	for _, label := range []string{"full zlib", "full bz2", "full zstd", "full none"} {
		for _, digests := range []bool{true, false} {
			name := label
			if !digests {
				name += " without digests"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := storetest.Find(t, fixtures, label)
				want := storetest.Image(t, from, fixtures, f)
				dir := alone(t, from, f)
				if !digests {
					if err := os.Remove(filepath.Join(dir, f.Prefix+"_sha256file")); err != nil {
						t.Fatal(err)
					}
				}
				path := filepath.Join(dir, f.Prefix+"-00001")
				seen := flipAll(t, path, positions(t, path, 40), func(what string) outcome { return readFlipped(t, dir, want, what) })
				if seen[noticed] == 0 || seen[refused] > 0 {
					t.Errorf("%v", seen)
				}
				t.Logf("%d noticed, %d harmless", seen[noticed], seen[harmless])
			})
		}
	}
}

// positions are the first and last 20 bytes of a file and some, evenly, of its
// body.
func positions(t *testing.T, path string, body int64) []int64 {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var at []int64
	for i := range min(20, st.Size()) {
		at = append(at, i)
	}
	step := max(1, st.Size()/body)
	for i := int64(20); i < st.Size()-20; i += step {
		at = append(at, i)
	}
	for i := max(20, st.Size()-20); i < st.Size(); i++ {
		at = append(at, i)
	}
	return at
}

// flipAll flips one bit after the other, each time another one, and flips it
// back.
func flipAll(t *testing.T, path string, at []int64, try func(what string) outcome) map[outcome]int {
	t.Helper()
	seen := map[outcome]int{}
	for i, off := range at {
		bit := uint(i*5) % 8
		if err := flip(path, off, bit); err != nil {
			t.Fatal(err)
		}
		seen[try(filepath.Base(path)+" flipped")]++
		if t.Failed() {
			t.Fatalf("at byte %d, bit %d", off, bit)
		}
		if err := flip(path, off, bit); err != nil {
			t.Fatal(err)
		}
	}
	return seen
}

func TestNoFlippedBitOfMetadataOrDigestsGivesAWrongByte(t *testing.T) {
	from, fixtures := storetest.Fixtures(t)
	f := storetest.Find(t, fixtures, "mixed")
	want := storetest.Image(t, from, fixtures, f)
	for _, suffix := range []string{"_metadata", "_sha256file"} {
		t.Run(suffix, func(t *testing.T) {
			t.Parallel()
			dir := alone(t, from, f)
			path := filepath.Join(dir, f.Prefix+suffix)
			seen := flipAll(t, path, positions(t, path, 250), func(what string) outcome { return readFlipped(t, dir, want, what) })
			t.Logf("%d refused, %d noticed, %d harmless", seen[refused], seen[noticed], seen[harmless])
			if seen[noticed] == 0 || seen[harmless] == 0 {
				t.Errorf("%v", seen)
			}
		})
	}
}

// With a sibling that has the same blocks no flipped bit costs a byte, wherever
// in an object it is.
func TestEveryFlippedBitOfAnObjectIsHealed(t *testing.T) {
	content := storetest.Disk(700_000, 11)
	want := all(t, content)
	for _, compression := range []string{"none", "zlib", "zstd", "bz2"} {
		t.Run(compression, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			b := stored(t, dir, content, compression)
			storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("sibling"), VolumeID: b.VolumeID, Content: content, Compression: "none"})
			path := b.Path("-00001")
			healed := 0
			flipAll(t, path, positions(t, path, 20), func(what string) outcome {
				v := open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
				got := make([]byte, len(want))
				if err := v.ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: %v", what, err)
				}
				if len(v.Healed()) == 0 {
					return harmless
				}
				healed++
				return noticed
			})
			if healed == 0 {
				t.Error("nothing had to be healed")
			}
			t.Logf("%d flips were healed", healed)
		})
	}
}
