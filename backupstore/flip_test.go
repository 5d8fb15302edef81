package backupstore_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	salvage := backupstore.NewSalvage(v, nil)
	n := min(int64(len(want)), v.Size())
	got := make([]byte, n)
	if err := salvage.ReadAt(t.Context(), got, 0); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	want = bytes.Clone(want[:n])
	for _, r := range salvage.Lost() {
		clear(want[min(r.Off, n):min(r.Off+r.Len, n)])
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: silently wrong bytes", what)
	}
	// A reader that does not salvage must not get through either.
	err = v.ReadAt(t.Context(), got, 0)
	if damaged := len(salvage.Lost()) > 0; errors.Is(err, backupstore.ErrDamaged) != damaged || err != nil && !damaged {
		t.Fatalf("%s: bad %v, reading says %v", what, salvage.Lost(), err)
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
				seen := flipAll(t, path, positions(t, path, 20), func(what string) outcome { return readFlipped(t, dir, want, what) })
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
// back. Under the race detector, which is no better at wrong bytes and takes
// several times as long, it does a fifth of them.
func flipAll(t *testing.T, path string, at []int64, try func(what string) outcome) map[outcome]int {
	t.Helper()
	seen := map[outcome]int{}
	for i, off := range at {
		if watched && i%5 > 0 {
			continue
		}
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

// The last digest covers the block in which the data ends, according to the length in _metadata: if
// the two disagree, it is not known what lies behind that end.
func TestAnEndThatTheLastDigestDoesNotConfirmMakesNoZeros(t *testing.T) {
	from, fixtures := storetest.Fixtures(t)
	f := storetest.Find(t, fixtures, "full zlib")
	want := storetest.Image(t, from, fixtures, f)
	dir := alone(t, from, f)
	path := filepath.Join(dir, f.Prefix+"_metadata")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	length := bytes.LastIndex(text, []byte(`"length": 262144`)) + len(`"length": `)
	if err := flip(path, int64(length+1), 1); err != nil { // 242144
		t.Fatal(err)
	}
	if seen := readFlipped(t, dir, want, "a shorter object"); seen != noticed {
		t.Errorf("the backup is %v", seen)
	}
	v := open(t, openCatalog(t, dir, backupstore.Options{}), f.ID)
	end := int64(len(want))
	if start, stop, err := v.NextData(t.Context(), end-4096, end); start != end-4096 || stop != end || err != nil {
		t.Errorf("data from %d to %d of %d, %v", start, stop, end, err)
	}
	s := backupstore.NewSalvage(v, nil)
	p := make([]byte, 4096)
	if err := s.ReadAt(t.Context(), p, end-4096); err != nil || len(s.Lost()) != 1 || s.Lost()[0].Off+s.Lost()[0].Len != end {
		t.Error(err, s.Lost())
	}
}

// ground is a backup, and all that its volume consists of, in a share of its own.
type ground struct {
	name string
	dir  string
	id   string
	want []byte
}

// grounds are backups in all formats, and chains, with digests and without.
func grounds(t *testing.T) []ground {
	t.Helper()
	from, fixtures := storetest.Fixtures(t)
	var out []ground
	add := func(name, dir, id string, want []byte) {
		out = append(out, ground{name, dir, id, want})
		bare := t.TempDir()
		if err := os.CopyFS(bare, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		digests, err := filepath.Glob(filepath.Join(bare, "*_sha256file"))
		if nested, _ := filepath.Glob(filepath.Join(bare, "*", "*", "*", "*_sha256file")); err == nil {
			for _, f := range append(digests, nested...) {
				err = errors.Join(err, os.Remove(f))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, ground{name + " without digests", bare, id, want})
	}
	for _, label := range []string{"full zlib", "full bz2", "full zstd", "full none", "mixed"} {
		f := storetest.Find(t, fixtures, label)
		add(label, alone(t, from, f), f.ID, storetest.Image(t, from, fixtures, f))
	}
	dir := t.TempDir()
	_, child, content := pair(t, dir, 32<<10)
	add("chain", dir, child.ID, all(t, content))
	return out
}

// flips is how many bits TestNoFlippedBitGivesAWrongByte flips.
func flips(t *testing.T) int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("RESTOREFS_FLIPS"), "120"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Whichever bit of whichever file is another one: an error, or the right bytes.
// RESTOREFS_FLIPS=10000 flips so many.
func TestNoFlippedBitGivesAWrongByte(t *testing.T) {
	all := grounds(t)
	n := flips(t) / len(all)
	for i, g := range all {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			var files []string
			err := filepath.WalkDir(g.dir, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.Type().IsRegular() {
					files = append(files, path)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(uint64(n), uint64(i)))
			seen := map[outcome]int{}
			for k := range n {
				// _metadata is small and has the most to tell.
				path := files[k%len(files)]
				if meta := strings.HasSuffix(path, "_metadata"); !meta && r.IntN(3) == 0 {
					for _, f := range files {
						if strings.HasSuffix(f, "_metadata") && r.IntN(2) == 0 {
							path = f
						}
					}
				}
				st, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				off, bit := r.Int64N(st.Size()), uint(r.IntN(8))
				what := fmt.Sprintf("%s, byte %d, bit %d", filepath.Base(path), off, bit)
				if err := flip(path, off, bit); err != nil {
					t.Fatal(err)
				}
				seen[readChain(t, g, what)]++
				if err := flip(path, off, bit); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%d flips: %d refused, %d noticed, %d harmless", n, seen[refused], seen[noticed], seen[harmless])
		})
	}
}

// readChain is readFlipped for one of several backups, twice: as a mount reads it
// and as materialize copies it.
func readChain(t *testing.T, g ground, what string) outcome {
	t.Helper()
	c := openCatalog(t, g.dir, backupstore.Options{})
	defer c.Close()
	b, err := c.Find(g.id)
	if err != nil || b.State != backupstore.Complete {
		return refused
	}
	v, err := c.Open(t.Context(), b)
	if errors.Is(err, backupstore.ErrDamaged) {
		return refused
	}
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	n := min(int64(len(g.want)), v.Size())
	salvage := backupstore.NewSalvage(v, nil)
	got := bytes.Repeat([]byte("x"), int(n))
	if err := salvage.ReadAt(t.Context(), got, 0); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	want := bytes.Clone(g.want[:n])
	for _, r := range salvage.Lost() {
		clear(want[min(r.Off, n):min(r.Off+r.Len, n)])
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: silently wrong bytes", what)
	}
	if n < int64(len(g.want)) && !isAllZero(g.want[n:]) {
		t.Fatalf("%s: silently short", what)
	}
	if copying := v.Copying(); copying != nil {
		got, err := copied(t, copying, n, nil)
		if err == nil && !bytes.Equal(got, g.want[:n]) {
			t.Fatalf("%s: silently wrong bytes were copied", what)
		}
		if (err == nil) != (len(salvage.Lost()) == 0) {
			t.Fatalf("%s: copying says %v, lost is %v", what, err, salvage.Lost())
		}
	}
	if len(salvage.Lost()) > 0 {
		return noticed
	}
	return harmless
}

func isAllZero(p []byte) bool { return len(bytes.Trim(p, "\x00")) == 0 }
