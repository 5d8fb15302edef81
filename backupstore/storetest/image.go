package storetest

import (
	"bytes"
	"compress/bzip2"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Image returns the DataBytes bytes of the fixture's backup, read in the
// simplest way. For a damaged backup it returns what that should hold, from
// another fixture with the same content.
func Image(t testing.TB, shareDir string, list []Fixture, f Fixture) []byte {
	t.Helper()
	for _, other := range list {
		if other.SHA256 == f.SHA256 && other.State == Complete && other.DataBytes == f.DataBytes {
			f = other
			break
		}
	}
	img, err := compose(shareDir, list, f)
	if err != nil {
		t.Fatalf("compose fixture %q: %v", f.Label, err)
	}
	return img
}

// document is _metadata as encoding/json sees it.
type document struct {
	BackupID    string              `json:"backup_id"`
	VolumeID    string              `json:"volume_id"`
	ParentID    string              `json:"parent_id"`
	Name        string              `json:"backup_name"`
	Description string              `json:"backup_description"`
	CreatedAt   string              `json:"created_at"`
	Version     string              `json:"version"`
	VolumeMeta  string              `json:"volume_meta"`
	Objects     []map[string]fields `json:"objects"`
}

type fields struct {
	Compression string `json:"compression"`
	Offset      int64  `json:"offset"`
	Length      int64  `json:"length"`
	MD5         string `json:"md5"`
}

// digestList is _sha256file as encoding/json sees it.
type digestList struct {
	BackupID  string   `json:"backup_id"`
	ChunkSize int      `json:"chunk_size"`
	SHA256s   []string `json:"sha256s"`
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func compose(shareDir string, list []Fixture, f Fixture) ([]byte, error) {
	img := make([]byte, f.DataBytes)
	if f.ParentID != "" {
		found := false
		for _, p := range list {
			if p.ID != f.ParentID {
				continue
			}
			base, err := compose(shareDir, list, p)
			if err != nil {
				return nil, err
			}
			found = true
			copy(img, base)
		}
		if !found {
			return nil, fmt.Errorf("parent %s is not there", f.ParentID)
		}
	}
	dir := filepath.Join(shareDir, filepath.FromSlash(f.Container))
	return img, overwrite(img, dir, f.Prefix)
}

// overwrite writes the objects of one backup into img.
func overwrite(img []byte, dir, prefix string) error {
	var doc document
	if err := readJSON(filepath.Join(dir, prefix+"_metadata"), &doc); err != nil {
		return err
	}
	for _, entry := range doc.Objects {
		for name, o := range entry {
			stored, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			data, err := unpack(stored, o.Compression)
			if err != nil {
				return fmt.Errorf("object %s: %w", name, err)
			}
			if int64(len(data)) != o.Length || o.Offset < 0 || o.Offset+o.Length > int64(len(img)) {
				return fmt.Errorf("object %s: %d bytes, recorded as %d at %d", name, len(data),
					o.Length, o.Offset)
			}
			copy(img[o.Offset:], data)
		}
	}
	return nil
}

func unpack(stored []byte, compression string) ([]byte, error) {
	in := bytes.NewReader(stored)
	switch compression {
	case "none":
		return stored, nil
	case "zlib", "gzip":
		z, err := zlib.NewReader(in)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(z)
	case "bz2", "bzip2":
		return io.ReadAll(bzip2.NewReader(in))
	case "zstd":
		z, err := zstd.NewReader(nil)
		if err != nil {
			return nil, err
		}
		defer z.Close()
		return z.DecodeAll(stored, nil)
	}
	return nil, fmt.Errorf("compression %q", compression)
}
