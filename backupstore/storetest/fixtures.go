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

// The values of Fixture.State.
const (
	Complete   = "complete"
	Incomplete = "incomplete" // Cinder did not finish it: no _metadata
	Broken     = "broken"
	// Unseen is the state of a backup to which only symbolic links lead: a scan
	// must neither follow the links nor list the backup. Only Symlinks makes
	// such backups.
	Unseen = "unseen"
)

// Fixture is one backup on the share of Fixtures, and what a reader should find
// out about it. ../testdata/README.md explains each label.
type Fixture struct {
	Label     string `json:"label"`
	ID        string `json:"backup_id"`
	VolumeID  string `json:"volume_id"`
	ParentID  string `json:"parent_id"` // "" for a full backup
	Container string `json:"container"` // slash-separated; "" is the share's root
	Prefix    string `json:"prefix"`    // of its files' names

	Name        string    `json:"name"` // "" if Cinder wrote null
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

	// State is Complete, Incomplete or Broken. If there is something to say
	// about a Complete backup, Words is not empty.
	State string `json:"state"`
	// Seen is the cheapest thing to read that shows what is wrong with a
	// backup: "names" (of the files in its directory), "size" (of its files),
	// "metadata", "chain" (its parents), "digests" (_sha256file) or "data".
	Seen string `json:"seen"`
	// Words are words of which the operator must read at least one.
	Words []string `json:"words"`
	// Damaged lists ranges that cannot be read completely: at least one block
	// of each is lost. All bytes outside of them can be read.
	Damaged []Extent `json:"damaged"`
	// HealedBy is the label of a backup whose copies of the damaged blocks are
	// good.
	HealedBy string `json:"healed_by"`
	Note     string `json:"note"`

	// Partitions of the volume's MBR or GPT, in the table's order.
	Partitions []Extent `json:"partitions"`

	// DataBytes and SHA256 (hex) are the size and digest of the image that was
	// backed up, SHA256Padded its digest with zeros up to VolumeGiB. For a
	// broken backup they are those of the image that it should hold.
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
// own, and returns the directory and its backups, parents before children. The
// copy has Cinder's file modes and the empty directory of a deleted backup,
// which git cannot keep. The test may change it.
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

// Find returns the fixture with that label, or fails the test.
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

// testdata finds ../testdata relative to this source file or, if its path was
// trimmed (-trimpath), from the working directory upwards.
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
