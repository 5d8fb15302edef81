package browse

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestNoHoleIsLeftWhereAFileIsWrittenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(path, bytes.Repeat([]byte("old"), 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if made, err := leaveHole(f, 4096); made || err != nil {
		t.Errorf("%v, %v", made, err)
	}
}
