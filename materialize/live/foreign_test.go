package live

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAFileOfAnotherKindIsLeftAlone(t *testing.T) {
	m := newTestMachine(1 << 20)
	create := func(path string) error {
		v, err := Create(path, m.key, Names{Device: "/dev/vdb"}, m.backup, m.backup, simDevice{m.dev}, m.o)
		if err == nil {
			abandon(v)
		}
		return err
	}
	zeros := bytes.Repeat([]byte{0}, pagesAt)
	for what, c := range map[string]struct {
		content []byte
		want    string
	}{
		"one that begins with zeros": {append(zeros[:pagesAt:pagesAt], "the rest of a disk"...), "that is not one"},
		"a text":                     {bytes.Repeat([]byte("text\n"), 4000), "it is no state file"},
		"a short text":               {[]byte("text\n"), "it is no state file"},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := create(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
		if left, err := os.ReadFile(path); err != nil || !bytes.Equal(left, c.content) {
			t.Errorf("%s: it was changed (%v)", what, err)
		}
	}
	path := filepath.Join(t.TempDir(), "file") // as an attempt leaves it that was killed
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, m.key.fileBytes()); err != nil {
		t.Fatal(err)
	}
	if err := create(path); err != nil {
		t.Error(err)
	}
}
