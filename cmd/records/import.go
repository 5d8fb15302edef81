package records

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// Imported is a record in the JSON of records --import; its fields are a
// contract.
type Imported struct {
	ID     string             `json:"id"`
	Result cloud.RecordResult `json:"result"`
	Reason string             `json:"reason"` // why it failed or was skipped, or ""
}

// Import imports the records into Cinder and reports to out the result of each, as JSON or for
// people, and to told how many had which.
func Import(ctx context.Context, client *cinderapi.Client, chosen []backupstore.Importable,
	how cloud.ImportOptions, json bool, out, told io.Writer) error {
	if !json {
		how.Each = func(r cloud.ImportedRecord) { printImported(out, r) }
	}
	results, err := cloud.ImportRecords(ctx, client, chosen, how)
	if others, ok := errors.AsType[*cloud.OtherProjectsError](err); ok {
		return otherProjects(others)
	}
	if json {
		if err := wording.WriteJSON(out, importedList(results)); err != nil {
			return err
		}
	}
	counts := map[cloud.RecordResult]int{}
	for _, r := range results {
		counts[r.Result]++
	}
	fmt.Fprintf(told, "%d imported, %d there already, %d failed, %d not tried\n",
		counts[cloud.RecordImported], counts[cloud.RecordPresent], counts[cloud.RecordFailed],
		counts[cloud.RecordSkipped])
	if err != nil {
		return fmt.Errorf("%w%s\nThe rest was not tried. The same command goes on from there", err,
			serviceHint(err))
	}
	if absent := counts[cloud.RecordFailed] + counts[cloud.RecordSkipped]; absent > 0 {
		return fmt.Errorf("%d of %d backups are not usable in Cinder, see above; the same "+
			"command tries them again",
			absent, len(chosen))
	}
	return nil
}

// printImported prints a line for a record that was tried, or whose parent is missing. The reason
// why the import ended is the error of the command.
func printImported(w io.Writer, r cloud.ImportedRecord) {
	_, ended := errors.AsType[*cloud.StoppedError](r.Err)
	switch {
	case r.Err == nil || ended:
		fmt.Fprintf(w, "%s  %s\n", r.ID, r.Result)
	case !errors.Is(r.Err, cloud.ErrNotTried):
		fmt.Fprintf(w, "%s  %s: %s\n", r.ID, r.Result, exitcode.Explain(r.Err))
	}
}

func importedList(results []cloud.ImportedRecord) []Imported {
	var list []Imported
	for _, r := range results {
		line := Imported{ID: r.ID, Result: r.Result}
		if r.Err != nil {
			line.Reason = exitcode.Explain(r.Err) + serviceHint(r.Err)
		}
		list = append(list, line)
	}
	return list
}

// serviceHint says how to name another driver.
func serviceHint(err error) string {
	if _, ok := errors.AsType[*cloud.DriverError](err); ok {
		return ": give --backup-service what its configuration has as backup_driver"
	}
	return ""
}

// otherProjects is the error of a command that would give a project the backups of others.
func otherProjects(e *cloud.OtherProjectsError) error {
	var list []string
	for _, p := range slices.Sorted(maps.Keys(e.Others)) {
		list = append(list, fmt.Sprintf("  %s  %d", p, e.Others[p]))
	}
	return cmdline.Usagef("%d of %d backups are of volumes of other projects than %s, to which "+
		"these credentials belong and Cinder would give them.\n"+
		"There is no way back: a backup cannot change its project, and Cinder deletes the files "+
		"with the record. Their projects:\n%s\n"+
		"Log in to each one (as an admin of it) and import with --project ID; or say "+
		"--any-project if they are to be in this project.\nNothing was imported",
		e.Count(), e.Records, cmp.Or(e.Project, "that"), strings.Join(list, "\n"))
}
