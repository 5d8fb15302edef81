package materialize

import (
	"os"
	"path/filepath"
	"testing"
)

// What belongs to a restore besides the data is done while the note is there: a
// run that is killed in between is continued by the same command.
func TestARunIsNotDoneBeforeWhatBelongsToIt(t *testing.T) {
	vol := newFakeVolume(3<<20, 5)
	path := filepath.Join(t.TempDir(), "disk")
	calls := 0
	whole := func() {
		calls++
		if _, err := os.Stat(path + noteSuffix); err != nil {
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
	if _, err := os.Stat(path + noteSuffix); !os.IsNotExist(err) {
		t.Errorf("the note stays: %v", err)
	}
}
