package storetest

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// State of a backup, as Fixture.State has it.
const (
	Complete   = "complete"
	Incomplete = "incomplete" // Cinder did not finish it: no _metadata
	Broken     = "broken"
	// Unseen is the state of what only symbolic links lead to: a scan must
	// neither follow them nor list it. Only Symlinks makes such.
	Unseen = "unseen"
)

// Fixture is one backup on the share of Fixtures and what a reader is expected
// to make of it. ../testdata/README.md explains each label.
type Fixture struct {
	Label     string `json:"label"`
	ID        string `json:"backup_id"`
	VolumeID  string `json:"volume_id"`
	ParentID  string `json:"parent_id"` // "" for a full backup
	Container string `json:"container"` // slash-separated; "" is the share's root
	Prefix    string `json:"prefix"`    // of its files' names

	Name        string    `json:"name"` // "" also where Cinder wrote null
	Description string    `json:"description"`
	Created     time.Time `json:"created_at"`

	VolumeName        string            `json:"volume_name"`
	VolumeDescription string            `json:"volume_description"`
	VolumeMetadata    map[string]string `json:"volume_metadata"`
	ImageMetadata     map[string]string `json:"glance_metadata"`
	Bootable          bool              `json:"bootable"`
	EncryptionKeyID   string            `json:"encryption_key_id"`
	VolumeGiB         int64             `json:"volume_gib"`

	FileSize int64 `json:"file_size"` // bytes of an object at most, as configured
	ShaBlock int   `json:"sha_block"` // bytes of a digest block

	Objects     int      `json:"objects"`     // of this layer, as _metadata lists them
	Compression []string `json:"compression"` // of this layer, distinct and sorted

	// State is Complete, Incomplete or Broken. A Complete backup may still
	// have something to tell: then Words is not empty.
	State string `json:"state"`
	// Seen is the cheapest look that tells why a backup is not plainly good:
	// "names" (of the files in its directory), "size" (of its files),
	// "metadata", "chain" (its parents), "digests" (_sha256file) or "data".
	Seen string `json:"seen"`
	// Words: one of them at least belongs into what an operator reads.
	Words []string `json:"words"`
	// Damaged ranges cannot be read whole: in each of them at least one block
	// is lost. Every byte outside of them reads right.
	Damaged []Extent `json:"damaged"`
	// HealedBy is the label of a backup that has the damaged blocks whole.
	HealedBy string `json:"healed_by"`
	Note     string `json:"note"`

	// Partitions of the volume's MBR or GPT, in the table's order.
	Partitions []Extent `json:"partitions"`

	// DataBytes and SHA256 (hex) are of the image that was backed up,
	// SHA256Padded of it with zeros up to VolumeGiB. For a broken backup: of
	// what it should hold.
	DataBytes    int64  `json:"data_bytes"`
	SHA256       string `json:"sha256"`
	SHA256Padded string `json:"sha256_padded"`
}

// Extent is a range of a volume, in bytes.
type Extent struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
}

// Fixtures copies the share that Cinder made into a directory of the test's
// own and returns its path and what lies there, parents before children. The
// copy has Cinder's file modes and the empty directory of a deleted backup,
// which git cannot keep. The test may do to it what it likes.
func Fixtures(t testing.TB) (shareDir string, list []Fixture) {
	t.Helper()
	dir := testdata(t)
	text, err := os.ReadFile(filepath.Join(dir, "fixtures.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Fixtures  []Fixture `json:"fixtures"`
		EmptyDirs []string  `json:"empty_dirs"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatalf("parse fixtures.json: %v", err)
	}
	shareDir = t.TempDir()
	if err := copyShare(shareDir, filepath.Join(dir, "share")); err != nil {
		t.Fatalf("copy the share: %v", err)
	}
	for _, d := range doc.EmptyDirs {
		if err := os.MkdirAll(filepath.Join(shareDir, filepath.FromSlash(d)), 0o770); err != nil {
			t.Fatal(err)
		}
	}
	return shareDir, doc.Fixtures
}

// Find returns the fixture of that label, or fails the test.
func Find(t testing.TB, list []Fixture, label string) Fixture {
	t.Helper()
	for _, f := range list {
		if f.Label == label {
			return f
		}
	}
	t.Fatalf("there is no fixture %q", label)
	return Fixture{}
}

// testdata finds ../testdata from the source's place or, where the source's
// path was trimmed away, from the working directory upwards.
func testdata(t testing.TB) string {
	t.Helper()
	var tried []string
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		tried = append(tried, filepath.Join(filepath.Dir(file), "..", "testdata"))
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		tried = append(tried, filepath.Join(dir, "backupstore", "testdata"))
		if dir == filepath.Dir(dir) {
			break
		}
	}
	for _, dir := range tried {
		if _, err := os.Stat(filepath.Join(dir, "fixtures.json")); err == nil {
			return dir
		}
	}
	t.Fatalf("backupstore/testdata is not found; looked at %q", tried)
	return ""
}

func copyShare(dst, src string) error {
	return filepath.WalkDir(src, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dst, rel)
		if e.IsDir() {
			return os.MkdirAll(to, 0o770)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return createFile(to, func(f *os.File) error {
			_, err := f.Write(data)
			return err
		})
	})
}

// createFile makes one file with the mode that Cinder gives its files.
func createFile(path string, fill func(*os.File) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = fill(f)
	if err == nil {
		err = f.Chmod(0o660)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
