package storetest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"
)

// Cinder's defaults: backup_file_size and backup_sha_block_size_bytes.
const (
	DefaultFileSize = 1999994880
	DefaultShaBlock = 32 << 10
)

// Spec describes one backup to write.
type Spec struct {
	ID, VolumeID string // required, UUIDs: see ID
	// ParentID makes the backup incremental; Parent is then the content at the
	// parent backup, with the size of Content.
	ParentID string
	Parent   Content

	Content Content // of the volume; its size is where the data ends

	// Container is slash-separated. "" means Cinder's default, made from the
	// id; "." means the share's root, which Cinder calls "".
	Container         string
	Name, Description string    // "" is written as null
	Created           time.Time // also in the prefix; zero: noon of 2026-02-01 UTC

	// Compression is the configured algorithm: none, zlib, gzip or zstd; "" is
	// zlib. As in Cinder, an object that does not shrink is stored as none.
	// CompressionOf, if set, decides for each object, numbered from 1.
	Compression   string
	CompressionOf func(object int) string
	Level         int // of zlib, 1..9; 0 is 6 as in Cinder

	// OldNames names the files as Cinder did before 11.0, when all names began
	// with "backup".
	OldNames bool
	// Bucket names the files as the drivers of object stores do, whole keys as paths below
	// Container, whose default is then the share's root. Zone is any text without "//"; "" is nova.
	Bucket bool
	Zone   string

	FileSize int64 // the most bytes of an object; 0 is DefaultFileSize
	ShaBlock int   // bytes of a digest block; 0 is DefaultShaBlock

	// Volume becomes volume_meta. VolumeMeta, if set, is written instead,
	// unchanged; "null" leaves it out.
	Volume     Volume
	VolumeMeta string
}

// Backup is a backup that Write wrote.
type Backup struct {
	ID, VolumeID, ParentID string
	Container              string // slash-separated; "" is the share's root
	Prefix                 string // of the files' names
	Key                    string // of the objects' names in _metadata; as Prefix without Bucket
	Dir                    string // the container's place in the file system
	DataBytes              int64
	Objects                []Object
}

// Object is one object of a Backup. Offset and Length are bytes of the volume,
// StoredBytes those of the file.
type Object struct {
	Name           string
	Offset, Length int64
	Compression    string // as recorded
	MD5            string // hex, of the bytes before compression
	StoredBytes    int64
}

// Path returns the path of the file with a suffix: "-00001", "_metadata" or
// "_sha256file".
func (b Backup) Path(suffix string) string { return filepath.Join(b.Dir, b.Prefix+suffix) }

// ID makes a UUID from a label; the same label always gives the same UUID.
func ID(label string) string {
	h := sha256.Sum256([]byte(label))
	h[6] = h[6]&0x0f | 0x40
	h[8] = h[8]&0x3f | 0x80
	s := hex.EncodeToString(h[:16])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// MustWrite is Write for tests.
func MustWrite(t testing.TB, shareDir string, s Spec) Backup {
	t.Helper()
	b, err := Write(shareDir, s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Write writes the files of a backup below shareDir. It reads Content twice
// where it may hold data. Objects that are known to be zero and equally long
// are one file with several names, which makes large blank volumes cheap.
func Write(shareDir string, s Spec) (Backup, error) {
	if err := s.complete(); err != nil {
		return Backup{}, fmt.Errorf("write backup %s: %w", s.ID, err)
	}
	b := Backup{
		ID: s.ID, VolumeID: s.VolumeID, ParentID: s.ParentID,
		Container: s.Container, DataBytes: s.Content.Size(),
		Prefix: "volume_" + s.VolumeID + "_" + s.Created.Format("20060102150405") +
			"_backup_" + s.ID,
		Dir: filepath.Join(shareDir, filepath.FromSlash(s.Container)),
	}
	if s.OldNames {
		b.Prefix = "backup"
	}
	if b.Key = b.Prefix; s.Bucket {
		b.Key = "volume_" + s.VolumeID + "/" + s.Created.Format("20060102150405") + "/az_" +
			cmp.Or(s.Zone, "nova") + "_backup_" + s.ID
		dir, prefix := path.Split(path.Join(b.Container, b.Key))
		b.Container, b.Prefix = path.Clean(dir), prefix
		b.Dir = filepath.Join(shareDir, filepath.FromSlash(dir))
	}
	if err := os.MkdirAll(b.Dir, 0o770); err != nil {
		return b, fmt.Errorf("write backup %s: %w", s.ID, err)
	}
	w := &writer{spec: s, backup: &b, zero: map[zeroKey]Object{}, packers: map[string]packer{}}
	err := createFile(b.Path("_sha256file"), w.digests)
	if err == nil {
		err = createFile(b.Path("_metadata"), w.metadata)
	}
	if err != nil {
		return b, fmt.Errorf("write backup %s: %w", s.ID, err)
	}
	return b, nil
}

// complete fills in the defaults and refuses what Cinder could not write.
func (s *Spec) complete() error {
	if len(s.ID) != 36 || len(s.VolumeID) != 36 {
		return errors.New("a backup needs its id and its volume's")
	}
	if s.Content == nil || (s.ParentID == "") != (s.Parent == nil) {
		return errors.New("a backup needs content, and a parent's id and content together")
	}
	if s.Parent != nil && s.Parent.Size() != s.Content.Size() {
		return fmt.Errorf("the parent holds %d bytes, the volume %d", s.Parent.Size(),
			s.Content.Size())
	}
	if s.FileSize == 0 {
		s.FileSize = DefaultFileSize
	}
	if s.ShaBlock == 0 {
		s.ShaBlock = DefaultShaBlock
	}
	if s.FileSize <= 0 || s.ShaBlock <= 0 || s.FileSize%int64(s.ShaBlock) != 0 {
		return fmt.Errorf("file size %d is no multiple of the digest block, %d",
			s.FileSize, s.ShaBlock)
	}
	if s.Created.IsZero() {
		s.Created = time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	}
	s.Created = s.Created.UTC()
	if s.Compression == "" {
		s.Compression = "zlib"
	}
	if s.CompressionOf == nil {
		s.CompressionOf = func(int) string { return s.Compression }
	}
	switch {
	case s.Container == "" && !s.Bucket:
		s.Container = path.Join(s.ID[:2], s.ID[2:4], s.ID)
	case s.Container == ".":
		s.Container = ""
	}
	if s.VolumeMeta == "" {
		s.VolumeMeta = s.Volume.meta(s)
	}
	return nil
}

// writer writes one backup. It belongs to one goroutine.
type writer struct {
	spec    Spec
	backup  *Backup
	zero    map[zeroKey]Object // blank objects written so far
	packers map[string]packer
	buf     []byte // for the content
	old     []byte // for the parent's content
	rows    rowWriter
}

// stepBytes of content are in memory at a time, or one digest block if that is
// larger.
const stepBytes = 1 << 20

// scan writes the digest rows of [off, end), which Cinder reads at once, and
// returns the extents of its objects: all of it for a full backup, else the
// runs of blocks that differ from the parent.
func (w *writer) scan(off, end int64) ([]Extent, error) {
	var runs []Extent
	content, parent := w.spec.Content, w.spec.Parent
	if parent == nil {
		runs = []Extent{{off, end - off}}
	}
	block := int64(w.spec.ShaBlock)
	step := max(stepBytes/block, 1) * block
	for ; off < end; off += step {
		n := min(step, end-off)
		blank := isZero(content, off, n)
		if blank {
			w.rows.zeros(n)
		}
		if blank && (parent == nil || isZero(parent, off, n)) {
			continue
		}
		if err := readFull(content, &w.buf, off, n); err != nil {
			return nil, err
		}
		if !blank {
			w.rows.blocks(w.buf)
		}
		if parent == nil {
			continue
		}
		if err := readFull(parent, &w.old, off, n); err != nil {
			return nil, err
		}
		for i := int64(0); i < n; i += block {
			m := min(block, n-i)
			if bytes.Equal(w.buf[i:i+m], w.old[i:i+m]) {
				continue
			}
			if k := len(runs) - 1; k >= 0 && runs[k].Offset+runs[k].Length == off+i {
				runs[k].Length += m
			} else {
				runs = append(runs, Extent{off + i, m})
			}
		}
	}
	return runs, nil
}

// isZero tells whether c knows [off, off+n) to be zero.
func isZero(c Content, off, n int64) bool {
	start, _ := nextData(c, off)
	return start >= off+n
}

func readFull(c Content, buf *[]byte, off, n int64) error {
	if int64(cap(*buf)) < n {
		*buf = make([]byte, n)
	}
	*buf = (*buf)[:n]
	if k, err := c.ReadAt(*buf, off); int64(k) < n {
		return fmt.Errorf("read content at %d: %w", off, err)
	}
	return nil
}
