package fusefs

import (
	"fmt"
	"os"
	"testing"
)

func TestTheStatusFileIsWrittenAtEveryOpen(t *testing.T) {
	r := mounted(t, sample(idA))
	path := r.path(StatusFile)
	for n := 1; n <= 20; n++ {
		text, err := os.ReadFile(path)
		if want := fmt.Sprintf("{\"asked\": %d}\n", 1<<n); err != nil || string(text) != want {
			t.Fatalf("%q, %v, want %q", text, err, want)
		}
	}
	equalNames(t, readDirNames(t, r.path(statusDirName)), statusFileName)
	equalNames(t, readDirNames(t, r.path("")), "backups", "names", "volumes")
	if _, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		t.Error("it can be opened for writing")
	}
	if _, err := os.Stat(r.path(statusDirName, "other")); !os.IsNotExist(err) {
		t.Errorf("another name: %v", err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o400 {
		t.Errorf("%v, %v", st, err)
	}
}
