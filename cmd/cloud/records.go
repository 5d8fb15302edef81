package cloud

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// RecordResult is the result of importing a record. Its values are part of the JSON of records
// --import.
type RecordResult string

// The values of RecordResult.
const (
	RecordImported RecordResult = "imported"
	RecordPresent  RecordResult = "present" // Cinder had it already
	RecordFailed   RecordResult = "failed"
	RecordSkipped  RecordResult = "skipped" // not tried
)

// ImportedRecord is a record and what became of it.
type ImportedRecord struct {
	ID     string // of the backup
	Result RecordResult
	Err    error // why it failed or was skipped
}

// ImportOptions change how records are imported. The zero value refuses records of other projects
// and reports nothing before the end.
type ImportOptions struct {
	// AnyProject allows records of backups of other projects' volumes. Cinder makes the client's
	// project the owner of these for good.
	AnyProject bool
	// Each is called with each record when its result is known, in order.
	Each func(ImportedRecord)
}

// ErrNotTried is the error of the records after the one that ended the import.
var ErrNotTried = errors.New("not tried")

// ImportRecords imports records into Cinder, one after another, in the order of backupstore's
// ImportRecords: parents first. A record is not tried if its parent could not be imported. What a
// failed import left behind is removed first, and what Cinder already has is left alone, so that
// the same call continues an import that ended early.
//
// It returns the result of every record. The error is an *OtherProjectsError if nothing was tried,
// or a *StoppedError if the rest was not tried. Records that failed on their own are no error.
func ImportRecords(ctx context.Context, client *cinderapi.Client, records []backupstore.Importable,
	o ImportOptions) ([]ImportedRecord, error) {
	if !o.AnyProject {
		if err := sameProject(records, client.ProjectID()); err != nil {
			return nil, err
		}
	}
	var results []ImportedRecord
	var end error
	absent := map[string]bool{}
	for _, b := range records {
		r := ImportedRecord{ID: b.ID, Result: RecordSkipped}
		switch {
		case end != nil:
			r.Err = ErrNotTried
		case absent[b.ParentID]:
			r.Err = fmt.Errorf("not tried: its parent %s is not there", b.ParentID)
		default:
			r.Result, r.Err = importRecord(ctx, client, b)
			if _, ok := errors.AsType[*StoppedError](r.Err); ok {
				end = r.Err
			}
		}
		absent[b.ID] = r.Err != nil
		results = append(results, r)
		if o.Each != nil {
			o.Each(r)
		}
	}
	return results, end
}

// recordTimeout is how long Cinder may take for one record, which only concerns its database.
const recordTimeout = 2 * time.Minute

// importRecord makes sure that Cinder has the record of b, and returns whether it had it already.
// The error is a *StoppedError if other records would fail as well.
func importRecord(ctx context.Context, client *cinderapi.Client,
	b backupstore.Importable) (RecordResult, error) {
	limited, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	result, err := tryRecord(limited, client, b)
	if limited.Err() != nil && ctx.Err() == nil {
		err = stopped(fmt.Errorf(
			"the import of backup %s is not finished after %v, see the log of cinder-backup. "+
				"If the backup stays in status \"creating\", set that to \"error\" "+
				"(cinder backup-reset-state --state error %s) and run this again: %w", b.ID,
			recordTimeout, b.ID, err))
	}
	if err != nil {
		return RecordFailed, err
	}
	return result, nil
}

func tryRecord(ctx context.Context, client *cinderapi.Client,
	b backupstore.Importable) (RecordResult, error) {
	record := b.ImportRecord()
	url, err := record.URL()
	if err != nil {
		return "", err
	}
	there, err := client.GetBackup(ctx, b.ID)
	if err == nil && there.FailedImport() {
		if err := client.DeleteFailedImport(ctx, there); err != nil {
			return "", stopped(err)
		}
		there = nil
	} else if err != nil && cinderapi.StatusOf(err) != http.StatusNotFound {
		return "", stopped(err)
	}
	result := RecordPresent
	if there == nil {
		result = RecordImported
		lost := client.ImportBackup(ctx, b.ID, record.Service, url)
		if lost != nil && !cinderapi.Lost(lost) {
			return "", importError(lost)
		}
		if there, err = client.GetBackup(ctx, b.ID); err != nil {
			return "", stopped(cmp.Or(lost, err))
		}
	}
	if there.Status == "creating" {
		made := func(b *cinderapi.Backup) bool { return b.Status != "creating" }
		if there, err = client.WaitBackup(ctx, b.ID, made); err != nil {
			return "", stopped(err)
		}
	}
	return result, usable(there, record)
}
