package materialize

import (
	"os"
	"path/filepath"
	"testing"
)

// Options.Whole is called while the marker exists, so that the same command
// continues a run that is killed in between.
func TestWholeIsCalledBeforeTheNoteIsRemoved(t *testing.T) {
	vol := newFakeVolume(3<<20, 5)
	path := filepath.Join(t.TempDir(), "disk")
	calls := 0
	whole := func() {
		calls++
		if _, err := os.Stat(path + markerSuffix); err != nil {
			t.Errorf("the note is gone before: %v", err)
		}
		checkFile(t, path, vol)
	}
	tg, err := Open(t.Context(), path, OpenOptions{Size: vol.Size(), Backup: "b5"})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	if _, err := Run(t.Context(), vol, tg, Options{Whole: whole}); err != nil || calls != 1 {
		t.Errorf("%v, %d calls", err, calls)
	}
	if _, err := os.Stat(path + markerSuffix); !os.IsNotExist(err) {
		t.Errorf("the note stays: %v", err)
	}
}
