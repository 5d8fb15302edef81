package restore

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestAQcow2GetsItsNameAndReplacesNothing(t *testing.T) {
	target := filepath.Join(t.TempDir(), "disk")
	for _, p := range []string{"a", "b"} {
		if err := os.WriteFile(target+p, []byte(p), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, err := os.Open(target + "a")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := giveName(a, target+"b", false); err == nil {
		t.Error("a file was replaced without force")
	}
	if err := os.Remove(target + "a"); err != nil {
		t.Fatal(err)
	}
	if err := giveName(a, target, false); err == nil {
		t.Error("a file that is not there got a name")
	}
	if got, err := fs.ReadFile(os.DirFS(filepath.Dir(target)), "diskb"); err != nil ||
		string(got) != "b" {
		t.Errorf("%q, %v", got, err)
	}
}
