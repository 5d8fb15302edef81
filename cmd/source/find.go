package source

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Find returns the backup that ref names, as [backupstore.Catalog.Lookup] does, and tells what
// should be known of how it was found.
func Find(catalog *backupstore.Catalog, ref string, told io.Writer) (*backupstore.Backup, error) {
	found, err := catalog.Lookup(ref)
	Tell(told, found.Notes)
	return found.Backup, misplaced(ref, err)
}

// FindBroken is Find for a command that can use a broken backup, as
// [backupstore.Catalog.LookupBroken] finds it.
func FindBroken(catalog *backupstore.Catalog, ref string, told io.Writer) (*backupstore.Backup,
	error) {
	found, err := catalog.LookupBroken(ref)
	Tell(told, found.Notes)
	return found.Backup, misplaced(ref, err)
}

// misplaced adds to the error for a backup that there is not that its name looks like a path.
func misplaced(ref string, err error) error {
	looks := strings.HasPrefix(ref, "/") || strings.HasPrefix(ref, "./") ||
		strings.HasPrefix(ref, "../")
	if !looks || !errors.Is(err, backupstore.ErrNoBackup) {
		return err
	}
	return fmt.Errorf("%w; it looks like a path, and BACKUP stands before those", err)
}

// Tell prints notes for people.
func Tell(w io.Writer, notes []string) {
	for _, note := range notes {
		fmt.Fprintf(w, "note    %s\n", wording.Printable(note))
	}
}
