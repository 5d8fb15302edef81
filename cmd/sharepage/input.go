package sharepage

import (
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/proven"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Input is what a page is made of.
type Input struct {
	Share   string                // where it is
	Version string                // of the program
	Now     time.Time             // when the page is made
	Backups []*backupstore.Backup // by volume, oldest first, as [backupstore.Catalog.Backups]
	Proven  *proven.Book          // may be nil
	Unread  []error               // what of the share could not be looked at
}

// short is the start of an id, which commands take for it.
func short(id string) string { return wording.ShellWord(clean(id[:min(8, len(id))], 8)) }

// clean makes a text of others short, and safe to look at; the template escapes it.
func clean(s string, most int) string { return wording.Printable(wording.Cut(s, most)) }

func percent(n, of int64) int {
	if of <= 0 {
		return 0
	}
	return int(100 * float64(n) / float64(of))
}
