package cloud

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// OtherProjectsError is the refusal to give a project the backups of others, which could not be
// undone. Nothing was imported.
type OtherProjectsError struct {
	Project string         // of the credentials, "" if not known
	Records int            // number of all records to be imported
	Others  map[string]int // number of records by other project
}

// Error implements error. Its first line is followed by one for each project.
func (e *OtherProjectsError) Error() string {
	var list strings.Builder
	for _, p := range slices.Sorted(maps.Keys(e.Others)) {
		fmt.Fprintf(&list, "\n  %s  %d", p, e.Others[p])
	}
	return fmt.Sprintf("%d of %d backups are of volumes of other projects than %s:%s", e.Count(),
		e.Records, e.Project, list.String())
}

// Count returns how many backups belong to other projects.
func (e *OtherProjectsError) Count() (n int) {
	for _, count := range e.Others {
		n += count
	}
	return n
}

// DriverError says that no cinder-backup has the driver that the records name.
type DriverError struct {
	Driver string
	Reason string // what Cinder says
}

// Error implements error.
func (e *DriverError) Error() string {
	return fmt.Sprintf("no cinder-backup has the driver %s (Cinder says: %s)", e.Driver, e.Reason)
}

// ProjectOf returns the project of the backup's volume, "" if it is not known.
func ProjectOf(b *backupstore.Backup) string {
	if b.VolumeMeta == nil || b.VolumeMeta.Base.ProjectID == nil {
		return ""
	}
	return *b.VolumeMeta.Base.ProjectID
}

// sameProject returns an *OtherProjectsError if there are records of other projects.
func sameProject(records []backupstore.Importable, project string) error {
	others := map[string]int{}
	for _, b := range records {
		if p := ProjectOf(b.Backup); p != "" && p != project {
			others[p]++
		}
	}
	if len(others) == 0 {
		return nil
	}
	return &OtherProjectsError{Project: project, Records: len(records), Others: others}
}

// importError adds to the error of a refused record what to do about it.
func importError(err error) error {
	advice := ""
	switch cinderapi.StatusOf(err) {
	case http.StatusBadRequest:
		return err // concerns this record alone
	case http.StatusForbidden:
		advice = "Importing records takes an admin, unless the policy backup:backup-import of " +
			"the cloud says otherwise"
	case http.StatusRequestEntityTooLarge:
		advice = "Raise it: openstack quota set --backups NUMBER --backup-gigabytes NUMBER PROJECT"
	case http.StatusServiceUnavailable:
		advice = "No cinder-backup is up: see openstack volume service list"
	default:
		return stopped(err)
	}
	return stopped(fmt.Errorf("%w. %s", err, advice))
}

// usable returns what is wrong with the record that Cinder has.
func usable(have *cinderapi.Backup, want backupstore.ImportRecord) error {
	why, reason := "", ""
	if have.FailReason != nil && *have.FailReason != "" {
		why = *have.FailReason
		reason = ": " + why
	}
	switch {
	case have.FailedImport() && strings.Contains(why, "cannot find backup service"):
		return stopped(&DriverError{Driver: want.Service, Reason: why})
	case have.FailedImport():
		return fmt.Errorf("the import failed in Cinder%s", reason)
	case have.Status == "error" && have.VolumeID == want.VolumeID:
		return fmt.Errorf(
			"it is in Cinder already, in status error%s. Deleting it would delete its files; "+
				"cinder backup-reset-state --state available %s makes it usable as it is",
			reason, want.ID)
	case have.Status != "available" && have.Status != "restoring" && have.Status != "backing-up":
		return fmt.Errorf("it is in Cinder already, in status %s%s. Deleting it would "+
			"delete its files", have.Status, reason)
	case !strings.EqualFold(have.VolumeID, want.VolumeID):
		return fmt.Errorf("a backup of this id is in Cinder already, but of volume %s, not %s",
			have.VolumeID, want.VolumeID)
	case have.Container == nil || *have.Container != want.Container:
		in := "no container"
		if have.Container != nil {
			in = fmt.Sprintf("container %q", *have.Container)
		}
		return fmt.Errorf("it is in Cinder already, but in %s, not in %q: is the share the "+
			"directory that Cinder has as its backup_share?", in, want.Container)
	}
	return nil
}

// StoppedError is a failure that the next record would meet as well, and that therefore ended the
// import.
type StoppedError struct{ Err error }

// Error implements error.
func (e *StoppedError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *StoppedError) Unwrap() error { return e.Err }

func stopped(err error) error { return &StoppedError{err} }
