package main

import (
	_ "embed"
	"fmt"
	"io"

	"github.com/restorefs/restorefs/backupstore"
)

// recordScript is what imports one record after the other; the calls follow it.
//
//go:embed records.sh
var recordScript string

// printScript writes a shell script (POSIX sh) that imports the records.
func printScript(w io.Writer, chosen []backupstore.Importable, share string) error {
	fmt.Fprintf(w, "#!/bin/sh\n# %d backup record(s) for Cinder, made by restorefs from %s\n%s", len(chosen), printable(share), recordScript)
	for _, b := range chosen {
		url, err := b.Record.URL()
		if err != nil {
			return err
		}
		parent := "none"
		if b.Incremental() {
			parent = b.ParentID
		}
		fmt.Fprintf(w, "\n# %s\nrecord %s %s %s \\\n  %s\n", describeRecord(b), b.ID, parent, shellWord(b.Record.Service), url)
	}
	_, err := fmt.Fprint(w, "\nfinish\n")
	return err
}
