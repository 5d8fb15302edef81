package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// maintainer is whom packages name unless MAINTAINER says another.
const maintainer = "restorefs maintainers <maintainers@restorefs.invalid>"

// What is no name with an address is refused before anything is removed or made.
func TestAMaintainerIsANameWithAnAddress(t *testing.T) {
	for _, wrong := range []string{"somebody", "a@example.org", "<a@example.org>", "A <a>",
		"A <a@b@example.org>", "A <a@example.org> B", "A <a b@example.org>",
		"A\nDepends: b <a@example.org>"} {
		kept := filepath.Join(t.TempDir(), "kept")
		if err := os.WriteFile(kept, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("bash", "packages.sh", filepath.Dir(kept))
		cmd.Env = append(os.Environ(), "MAINTAINER="+wrong)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), `give it as "NAME <ADDRESS>"`) {
			t.Errorf("%q: %v: %s", wrong, err, out)
		}
		if _, err := os.Stat(kept); err != nil {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
