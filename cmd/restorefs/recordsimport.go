package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// What became of a record, in the JSON of records --import.
const (
	recordImported = "imported"
	recordPresent  = "present"
	recordFailed   = "failed"
	recordSkipped  = "skipped"
)

// importedJSON is a record in the JSON of records --import; its fields are a
// contract.
type importedJSON struct {
	ID     string `json:"id"`
	Result string `json:"result"`
	Reason string `json:"reason"` // why it failed or was skipped, else ""
}

// recordTimeout is how long Cinder may take for one record, which is a matter
// of its database only.
const recordTimeout = 2 * time.Minute

// stopError is a failure that the next record would meet as well.
type stopError struct{ error }

func (e stopError) Unwrap() error { return e.error }

// importRecords gives the records to Cinder, one after the other, and tells of
// each. Those whose parent is not there are not tried.
func importRecords(c *cli.Context, chosen []backupstore.Importable) error {
	client, err := connectCloud(c)
	if err != nil {
		return err
	}
	defer client.Close()
	if !c.Bool("any-project") {
		if err := sameProject(chosen, client.ProjectID()); err != nil {
			return err
		}
	}
	out := c.App.Writer
	if c.Bool("json") {
		out = io.Discard
	}
	var results []importedJSON
	var stopped error
	counts, absent := map[string]int{}, map[string]bool{}
	for _, b := range chosen {
		r := importedJSON{ID: b.ID}
		switch {
		case stopped != nil:
			r.Result, r.Reason = recordSkipped, "not tried"
		case absent[b.ParentID]:
			r.Result, r.Reason = recordSkipped, "not tried: its parent "+b.ParentID+" is not there"
		default:
			r.Result, err = importRecord(c.Context, client, b)
			if err != nil {
				r.Result, r.Reason = recordFailed, explain(err)
			}
			if errors.As(err, new(stopError)) {
				stopped = err
			}
		}
		if r.Reason != "" {
			absent[b.ID] = true
		}
		counts[r.Result]++
		results = append(results, r)
		switch {
		case stopped == nil:
			fmt.Fprintf(out, "%s  %s%s\n", b.ID, r.Result, reason(r.Reason))
		case r.Result == recordFailed:
			fmt.Fprintf(out, "%s  %s\n", b.ID, r.Result) // the end of the program says why
		}
	}
	if c.Bool("json") {
		if err := writeJSON(c.App.Writer, results); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.App.ErrWriter, "%d imported, %d there already, %d failed, %d not tried\n",
		counts[recordImported], counts[recordPresent], counts[recordFailed], counts[recordSkipped])
	switch {
	case stopped != nil:
		return fmt.Errorf("%w\nThe rest was not tried. The same command goes on from there", stopped)
	case len(absent) > 0:
		return fmt.Errorf("%d of %d backups are not usable in Cinder, see above; the same command tries them again", len(absent), len(chosen))
	}
	return nil
}

func reason(r string) string {
	if r == "" {
		return ""
	}
	return ": " + r
}

// sameProject refuses to give a project the backups of another: it could not be
// undone.
func sameProject(chosen []backupstore.Importable, project string) error {
	others := map[string]int{}
	n := 0
	for _, b := range chosen {
		if p := projectOf(b.Backup); p != "" && p != project {
			others[p]++
			n++
		}
	}
	if n == 0 {
		return nil
	}
	var list []string
	for _, p := range slices.Sorted(maps.Keys(others)) {
		list = append(list, fmt.Sprintf("  %s  %d", p, others[p]))
	}
	return usagef("%d of %d backups are of volumes of other projects than %s, to which these credentials belong and Cinder would give them.\n"+
		"There is no way back: a backup cannot change its project, and Cinder deletes the files with the record. Their projects:\n%s\n"+
		"Log in to each one (as an admin of it) and import with --project ID; or say --any-project if they are to be in this project.\nNothing was imported",
		n, len(chosen), cmp.Or(project, "that"), strings.Join(list, "\n"))
}

// importRecord sees to it that Cinder has the record of b, and says whether it
// had it already. The error is a stopError where another record would fail as
// well.
func importRecord(ctx context.Context, client *cinderapi.Client, b backupstore.Importable) (string, error) {
	limited, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	result, err := tryRecord(limited, client, b)
	if limited.Err() != nil && ctx.Err() == nil {
		return "", stopError{fmt.Errorf("the import of backup %s is not finished after %v, see the log of cinder-backup. "+
			"If the backup stays in status \"creating\", set that to \"error\" (cinder backup-reset-state --state error %s) and run this again: %w", b.ID, recordTimeout, b.ID, err)}
	}
	return result, err
}

func tryRecord(ctx context.Context, client *cinderapi.Client, b backupstore.Importable) (string, error) {
	url, err := b.Record.URL()
	if err != nil {
		return "", err
	}
	there, err := client.GetBackup(ctx, b.ID)
	if err == nil && there.FailedImport() {
		if err := client.DeleteFailedImport(ctx, there); err != nil {
			return "", stopError{err}
		}
		there = nil
	} else if err != nil && cinderapi.StatusOf(err) != http.StatusNotFound {
		return "", stopError{err}
	}
	result := recordPresent
	if there == nil {
		result = recordImported
		lost := client.ImportBackup(ctx, b.ID, b.Record.Service, url)
		if lost != nil && !cinderapi.Lost(lost) {
			return "", importError(lost)
		}
		if there, err = client.GetBackup(ctx, b.ID); err != nil {
			return "", stopError{cmp.Or(lost, err)}
		}
	}
	if there.Status == "creating" {
		if there, err = client.WaitBackup(ctx, b.ID, func(b *cinderapi.Backup) bool { return b.Status != "creating" }); err != nil {
			return "", stopError{err}
		}
	}
	return result, usable(there, b.Record)
}

// importError says what to do about a record that was not taken.
func importError(err error) error {
	switch cinderapi.StatusOf(err) {
	case http.StatusBadRequest:
		return err // about this one
	case http.StatusForbidden:
		return stopError{fmt.Errorf("%w. Importing records takes an admin, unless the policy backup:backup-import of the cloud says otherwise", err)}
	case http.StatusRequestEntityTooLarge:
		return stopError{fmt.Errorf("%w. Raise it: openstack quota set --backups NUMBER --backup-gigabytes NUMBER PROJECT", err)}
	case http.StatusServiceUnavailable:
		return stopError{fmt.Errorf("%w. No cinder-backup is up: see openstack volume service list", err)}
	}
	return stopError{err}
}

// usable says what is wrong with the record that Cinder has.
func usable(have *cinderapi.Backup, want backupstore.ImportRecord) error {
	reason := ""
	if have.FailReason != nil && *have.FailReason != "" {
		reason = ": " + *have.FailReason
	}
	switch {
	case have.FailedImport() && strings.Contains(reason, "cannot find backup service"):
		return stopError{fmt.Errorf("no cinder-backup has the driver %s: give --backup-service what its configuration has as backup_driver (Cinder says%s)", want.Service, reason)}
	case have.FailedImport():
		return fmt.Errorf("the import failed in Cinder%s", reason)
	case have.Status == "error" && have.VolumeID == want.VolumeID:
		return fmt.Errorf("it is in Cinder already, in status error%s. Deleting it would delete its files; "+
			"cinder backup-reset-state --state available %s makes it usable as it is", reason, want.ID)
	case have.Status != "available" && have.Status != "restoring" && have.Status != "backing-up":
		return fmt.Errorf("it is in Cinder already, in status %s%s. Deleting it would delete its files", have.Status, reason)
	case !strings.EqualFold(have.VolumeID, want.VolumeID):
		return fmt.Errorf("a backup of this id is in Cinder already, but of volume %s, not %s", have.VolumeID, want.VolumeID)
	case have.Container == nil || *have.Container != want.Container:
		in := "no container"
		if have.Container != nil {
			in = fmt.Sprintf("container %q", *have.Container)
		}
		return fmt.Errorf("it is in Cinder already, but in %s, not in %q: is --share the directory that Cinder has as its backup_share?", in, want.Container)
	}
	return nil
}
