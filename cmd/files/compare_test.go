package files

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
)

// compared returns how two disks differ, a line for each file, and what was read of the second.
func compared(t *testing.T, a, b []byte) (lines []string, reads *Reads) {
	t.Helper()
	var differs []backupstore.Range
	for off := 0; off < len(b); off += readPiece {
		end := min(off+readPiece, len(b))
		if !bytes.Equal(a[off:end], b[off:end]) {
			differs = append(differs, backupstore.Range{Off: int64(off), Len: int64(end - off)})
		}
	}
	one, other := disk(t, a), disk(t, b)
	reads = &Reads{}
	other.reader.reads = reads
	err := Compare(t.Context(), one, other, at(t, one, "/"), at(t, other, "/"), differs, CompareOptions{
		Found: func(c Change) error {
			lines = append(lines, c.Kind+" "+c.Node().Path)
			return nil
		},
		Failed: func(path string, err error) {
			lines = append(lines,
				fmt.Sprintf("failed %s: %v", path, err))
		},
	})
	must(t, err)
	return lines, reads
}

func TestContentsAreReadOnlyWhereTheDisksDiffer(t *testing.T) {
	from := t.TempDir()
	write(t, filepath.Join(from, "large"), strings.Repeat("LARGE FILE. ", 100000))
	write(t, filepath.Join(from, "small"), "SMALL FILE.")
	was := image(t, from, 16, "-b", "4096")
	is := slices.Clone(was)
	copy(is[12<<20:], "in no file")
	lines, reads := compared(t, was, is)
	large := int64(bytes.Index(is, []byte("LARGE FILE.")))
	if _, read := reads.pieces[(large+600000)/readPiece]; len(lines) > 0 || read {
		t.Errorf("where nothing changed: %q, read: %v", lines, read)
	}
	// The inode does not tell, but the blocks do.
	is[large+700000] = '!'
	if lines, _ := compared(t, was, is); !slices.Equal(lines, []string{"changed /large"}) {
		t.Errorf("a byte in a large file: %q", lines)
	}
}

func TestContentsWithinAnInodeAreCompared(t *testing.T) {
	from := t.TempDir()
	write(t, filepath.Join(from, "a"), "one")
	was := image(t, from, 16, "-O", "inline_data,^metadata_csum")
	at := bytes.Index(was, []byte("one"))
	if at < 0 {
		t.Fatal("it is not in the inode")
	}
	is := slices.Clone(was)
	copy(is[at:], "two")
	if lines, _ := compared(t, was, is); !slices.Equal(lines, []string{"changed /a"}) {
		t.Errorf("%q", lines)
	}
}

func TestAFileThatBecameADirectoryIsBoth(t *testing.T) {
	one, other := t.TempDir(), t.TempDir()
	write(t, filepath.Join(one, "x"), "file")
	write(t, filepath.Join(other, "x/y"), "in a directory")
	lines, _ := compared(t, image(t, one, 16), image(t, other, 16))
	if got := strings.Join(lines, "; "); !strings.HasPrefix(got,
		"removed /x; added /x; added /x/y") {
		t.Error(got)
	}
}

// What btrfs reads it compares with checksums: where a file lies is not found out without reading.
func TestASoundBtrfsIsCompared(t *testing.T) {
	from := t.TempDir()
	write(t, filepath.Join(from, "same"), strings.Repeat("THE SAME. ", 30000))
	write(t, filepath.Join(from, "other"), strings.Repeat("IT WAS. ", 30000))
	was := btrfs(t, from)
	if lines, _ := compared(t, was, was); len(lines) > 0 {
		t.Errorf("with itself: %q", lines)
	}
	write(t, filepath.Join(from, "other"), strings.Repeat("IT IS.. ", 30000))
	if lines, _ := compared(t, was, btrfs(t, from)); !slices.Equal(lines,
		[]string{"changed /other"}) {
		t.Errorf("with another one: %q", lines)
	}
}

func btrfs(t *testing.T, from string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	must(t, os.WriteFile(path, nil, 0o600))
	must(t, os.Truncate(path, 16<<20))
	command(t, "mkfs.btrfs", "-q", "-f", "--mixed", "-n", "4096", "--rootdir", from, path)
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}
