package places

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// As with sudo -E, the home of another user is not used, and an interrupted restore still needs its
// note.
func TestTheDefaultCacheIsInTheHomeOfWhoeverRunsIt(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", "")
	if got, want := DefaultCache(), filepath.Join(home, ".cache", "restorefs"); got != want {
		t.Errorf("one's own: %s, not %s", got, want)
	}
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chown(home, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if got := DefaultCache(); strings.HasPrefix(got, home) || !filepath.IsAbs(got) {
		t.Errorf("another's: %s", got)
	}
}
