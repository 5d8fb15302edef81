package inside

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// ext4Image makes an ext4 of 4 MiB that has one file, "hello".
func ext4Image(t *testing.T, args ...string) []byte {
	t.Helper()
	need.Program(t, "mke2fs")
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(filepath.Join(dir, "hello"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append(
		append([]string{"-q", "-t", "ext4", "-b", "1024", "-d", dir}, args...),
		path,
		"20M",
	)
	if out, err := exec.Command("mke2fs", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// looked looks at a disk of one part.
func looked(t *testing.T, data []byte) *Part {
	t.Helper()
	d, err := Look(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(d.Parts) != 1 || d.Parts[0].Name != Whole {
		t.Fatalf("%+v, %v", d, err)
	}
	return d.Parts[0]
}

func TestAFileSystemOpens(t *testing.T) {
	data := ext4Image(t, "-L", "label")
	p := looked(t, data)
	if !p.Readable() || p.Kind != "ext4" || p.Label != "label" {
		t.Errorf("%+v", p)
	}
	reads(t, p)
	// The first superblock is gone: nothing tells the kind, and the second one is read.
	clear(data[1024:2048])
	p = looked(t, data)
	if p.Readable() {
		t.Errorf("it is taken for %s", p.Kind)
	}
	reads(t, p)
}

func reads(t *testing.T, p *Part) {
	t.Helper()
	f, err := p.Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	ino, err := f.Lookup(f.Root(), "hello")
	if err != nil {
		t.Fatal(err)
	}
	file, err := f.Open(ino)
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 5)
	if _, err := file.ReadAt(text, 0); string(text) != "hello" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestWhatIsNotReadIsNamed(t *testing.T) {
	luks := make([]byte, 1<<20)
	copy(luks, "LUKS\xba\xbe\x00\x02")
	for _, c := range []struct {
		data []byte
		want string
	}{
		{luks, "disk is LUKS2, whose files are not read here"},
		{make([]byte, 1<<20), "disk holds nothing that is known here"},
	} {
		_, err := looked(t, c.data).Open(Options{})
		if _, ok := errors.AsType[*UnreadableError](err); !ok || err.Error() != c.want {
			t.Errorf("%v, not %s", err, c.want)
		}
	}
}
