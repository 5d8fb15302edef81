package records

import (
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/wording"
)

// recordScript defines the functions of the script; calls of them follow.
//
//go:embed records.sh
var recordScript string

// PrintScript writes a shell script (POSIX sh) that imports the records.
func PrintScript(w io.Writer, chosen []backupstore.Importable, share string) error {
	script := strings.Replace(recordScript, "'PROJECTS'", "'"+strings.Join(plainProjects(chosen),
		" ")+"'", 1)
	fmt.Fprintf(w, "#!/bin/sh\n# records of backups for Cinder (%d), made by restorefs from %s\n%s",
		len(chosen), wording.Printable(share), script)
	for _, b := range chosen {
		url, err := b.ImportRecord().URL()
		if err != nil {
			return err
		}
		parent := "none"
		if b.Incremental() {
			parent = b.ParentID
		}
		fmt.Fprintf(w, "\n# %s\nrecord %s %s %s \\\n  %s\n", describe(b), b.ID, parent,
			wording.ShellWord(b.Service()), url)
	}
	_, err := fmt.Fprint(w, "\nfinish\n")
	return err
}

// plainProjects returns the projects of the volumes whose ids need no quoting in a shell. Others
// are no ids, and are left out.
func plainProjects(chosen []backupstore.Importable) []string {
	all := map[string]bool{}
	for _, b := range chosen {
		p := cloud.ProjectOf(b.Backup)
		if p != "" && strings.Trim(strings.ToLower(p),
			"0123456789abcdefghijklmnopqrstuvwxyz-_") == "" {
			all[p] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
