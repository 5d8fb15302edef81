package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
)

func TestAGraphHasEachBackupBelowItsParent(t *testing.T) {
	for name, c := range map[string]struct {
		parents string // of a, b, c and so on; - for a full backup
		want    string
	}{
		"a chain goes straight down":                  {"-ab", "● a, ↓ b, ↓ c"},
		"two full backups":                            {"--", "● a, ● b"},
		"of two on one parent the first branches off": {"-abad", "● a, ├─→ b, │ ↓ c, ↓ d, ↓ e"},
		"a parent that is missing":                    {"zza", "○ z, ├─→ a, │ ↓ c, ↓ b"},
		"parents in a circle are drawn once":          {"cab", "● a, ↓ b, ↓ c"},
		"a parent of itself":                          {"a", "● a"},
	} {
		var all []*backupstore.Backup
		for i, p := range c.parents {
			all = append(all, listed(string(rune('a'+i)), strings.Trim(string(p), "-"), "v", "", 9-i))
		}
		var got []string
		for r := range (Listing{Backups: all, Graph: true}).rows {
			if r.backup == nil {
				got = append(got, r.tree+r.missing)
				continue
			}
			got = append(got, r.tree+r.backup.ID)
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %s, not %s", name, text, c.want)
		}
	}
}

// However a share was forged, each backup is drawn once, and the lines stay short.
func TestAGraphOfForgedParentsHasEachBackupOnce(t *testing.T) {
	var all []*backupstore.Backup
	for i := range 2000 { // a comb: each parent has two, the next tooth goes on from the first
		all = append(all, listed(fmt.Sprint(i), fmt.Sprint(i-2+i%2*-1), "v", "", 1))
	}
	seen := map[string]bool{}
	for r := range (Listing{Backups: all, Graph: true}).rows {
		if len(r.tree) > 400 {
			t.Fatalf("%q", r.tree)
		}
		if r.backup != nil && seen[r.backup.ID] {
			t.Fatalf("%s is drawn twice", r.backup.ID)
		}
		if r.backup != nil {
			seen[r.backup.ID] = true
		}
	}
	if len(seen) != len(all) {
		t.Errorf("%d of %d are drawn", len(seen), len(all))
	}
}
