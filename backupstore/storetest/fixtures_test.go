package storetest

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFixturesAreWhatTheListSays(t *testing.T) {
	share, list := Fixtures(t)
	seen := map[string]bool{}
	for _, f := range list {
		if seen[f.ID] || seen[f.Label] {
			t.Errorf("%q: its id or label is there twice", f.Label)
		}
		seen[f.ID], seen[f.Label] = true, true
		t.Run(f.Label, func(t *testing.T) {
			dir := filepath.Join(share, filepath.FromSlash(f.Container))
			_, err := os.Stat(filepath.Join(dir, f.Prefix+"_metadata"))
			if (f.State == Incomplete) != (err != nil) {
				t.Errorf("state %q, _metadata: %v", f.State, err)
			}
			if (f.State == Complete) != (len(f.Damaged) == 0) && f.Seen == "data" {
				t.Errorf("state %q with damage %v", f.State, f.Damaged)
			}
			if f.Seen != "" && len(f.Words) == 0 {
				t.Error("nothing is expected to be said about it")
			}
			if f.State != Complete {
				return
			}
			img, err := compose(share, list, f)
			if err != nil {
				t.Fatal(err)
			}
			checkImage(t, img, dir, f.Prefix, f.ShaBlock, f.Seen == "")
			if got := hexSum(img); got != f.SHA256 {
				t.Errorf("sha256 of the image is %s, want %s", got, f.SHA256)
			}
		})
	}
}

// checkImage compares an image with the MD5 and length of each object of one
// layer and, if digests is set, with every row of _sha256file.
func checkImage(t *testing.T, img []byte, dir, prefix string, block int, digests bool) {
	t.Helper()
	var doc document
	if err := readJSON(filepath.Join(dir, prefix+"_metadata"), &doc); err != nil {
		t.Fatal(err)
	}
	for i, entry := range doc.Objects {
		for name, o := range entry {
			sum := md5.Sum(img[o.Offset : o.Offset+o.Length])
			if got := hex.EncodeToString(sum[:]); got != o.MD5 {
				t.Errorf("object %d, %s: md5 %s, want %s", i+1, name, got, o.MD5)
			}
		}
	}
	if !digests {
		return
	}
	var list digestList
	if err := readJSON(filepath.Join(dir, prefix+"_sha256file"), &list); err != nil {
		t.Fatal(err)
	}
	var want []string
	for b := range slices.Chunk(img, block) {
		want = append(want, hexSum(b))
	}
	if list.ChunkSize != block || !slices.Equal(list.SHA256s, want) {
		t.Errorf("the %d digests of %d bytes differ from the image's", len(list.SHA256s), list.ChunkSize)
	}
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestThePaddedDigestIsOfTheWholeVolume(t *testing.T) {
	if testing.Short() {
		t.Skip("not in this run: hashes 1 GiB")
	}
	share, list := Fixtures(t)
	f := Find(t, list, "odd size")
	h := sha256.New()
	h.Write(Image(t, share, list, f))
	blank := Zeros(f.VolumeGiB<<30 - f.DataBytes)
	if _, err := io.Copy(h, io.NewSectionReader(blank, 0, blank.Size())); err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != f.SHA256Padded {
		t.Errorf("padded sha256 is %s, want %s", got, f.SHA256Padded)
	}
}

func TestADeletedBackupLeavesAnEmptyDirectory(t *testing.T) {
	share, _ := Fixtures(t)
	empty := 0
	err := filepath.WalkDir(share, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		inside, err := os.ReadDir(path)
		if len(inside) == 0 {
			empty++
		}
		return err
	})
	if err != nil || empty != 1 {
		t.Errorf("%d empty directories, %v", empty, err)
	}
}

func TestTheImageOfADamagedBackupIsWhatItShouldHold(t *testing.T) {
	share, list := Fixtures(t)
	for _, f := range list {
		if len(f.Damaged) == 0 || f.Label == "length too long" {
			continue
		}
		if got := hexSum(Image(t, share, list, f)); got != f.SHA256 {
			t.Errorf("%q: image %s, want %s", f.Label, got, f.SHA256)
		}
	}
}

func TestSymlinksLeadToReadableBackups(t *testing.T) {
	share, list := Fixtures(t)
	for _, f := range Symlinks(t, share) {
		img, err := compose(share, list, f)
		if err != nil {
			t.Errorf("%q: %v", f.Label, err)
			continue
		}
		checkImage(t, img, filepath.Join(share, f.Container), f.Prefix, DefaultShaBlock, true)
	}
}

func TestTheSampleGreets(t *testing.T) {
	share := filepath.Join(testdata(t), "..", "..", "cmd", "restorefs", "sample")
	paths, err := filepath.Glob(filepath.Join(share, "*", "*", "*", "*_metadata"))
	if err != nil || len(paths) != 2 {
		t.Fatalf("the sample has %d backups, %v", len(paths), err)
	}
	prefix := func(path string) string { return strings.TrimSuffix(filepath.Base(path), "_metadata") }
	slices.SortFunc(paths, func(a, b string) int { return strings.Compare(prefix(a), prefix(b)) })
	img := make([]byte, 2<<20)
	const greeting, old = "Hello from a Cinder backup!", "This is yesterday's hello.txt"
	for i, path := range paths {
		if err := overwrite(img, filepath.Dir(path), prefix(path)); err != nil {
			t.Fatal(err)
		}
		checkImage(t, img, filepath.Dir(path), prefix(path), DefaultShaBlock, true)
		want, not := old, greeting
		if i == 1 {
			want, not = greeting, old
		}
		if !bytes.Contains(img, []byte(want)) || bytes.Contains(img, []byte(not)) {
			t.Errorf("backup %d: want %q in it and not %q", i, want, not)
		}
	}
}
