package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
)

// oddShown of the backups that Cinder cannot restore are told one by one; JSON
// has all.
const oddShown = 20

// unrestorable tells of which backups Cinder will take the record and then fail
// to restore them, though restorefs reads them; by id, with the reason.
func unrestorable(c *cli.Context, catalog *backupstore.Catalog, chosen []backupstore.Importable) (map[string]string, error) {
	odd := map[string]string{}
	for _, b := range chosen {
		why, err := catalog.CinderCannotRestore(c.Context, b.Backup)
		if err != nil {
			return nil, err
		}
		if why == "" {
			continue
		}
		odd[b.ID] = why
		if len(odd) <= oddShown {
			fmt.Fprintf(c.App.ErrWriter, "Cinder cannot restore %s, nor what is on top of it; restorefs can: its %s\n", b.ID, why)
		}
	}
	if n := len(odd) - oddShown; n > 0 {
		fmt.Fprintf(c.App.ErrWriter, "and %d more that Cinder cannot restore (--json names all)\n", n)
	}
	return odd, nil
}
