package source

import (
	"fmt"
	"io"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Find returns the backup that ref names, as [backupstore.Catalog.Lookup] does, and tells what
// should be known of how it was found.
func Find(catalog *backupstore.Catalog, ref string, told io.Writer) (*backupstore.Backup, error) {
	found, err := catalog.Lookup(ref)
	Tell(told, found.Notes)
	return found.Backup, err
}

// Tell prints notes for people.
func Tell(w io.Writer, notes []string) {
	for _, note := range notes {
		fmt.Fprintf(w, "note    %s\n", wording.Printable(note))
	}
}
