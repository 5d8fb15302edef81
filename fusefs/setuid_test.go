package fusefs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAHelperThatCannotBecomeRootIsNamed(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "fusermount3")
	if err := os.WriteFile(bin, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := checkSetuid(bin); !errors.Is(err, ErrNoFUSE) || !strings.Contains(err.Error(), bin+" is not setuid root") {
		t.Errorf("%v", err)
	}
	if err := checkSetuid(bin + "-none"); err != nil { // starting it gives that error
		t.Errorf("%v", err)
	}
	if err := explainMount(errors.New("fusermount exited with code 256\n")); os.Geteuid() != 0 && strings.Contains(err.Error(), "256") {
		t.Errorf("%v", err)
	}
}
