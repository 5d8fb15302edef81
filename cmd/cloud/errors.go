package cloud

import (
	"fmt"

	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// RemainsError is the failure of a restore that leaves a volume in the cloud which is not restored.
type RemainsError struct {
	Err     error
	Volume  *cinderapi.Volume // as it is now
	Created bool              // for this restore
	// Deleted says that the volume was deleted again (Options.Cleanup), NotDeleted why that failed.
	Deleted    bool
	NotDeleted error
	// Marked says that a marker tells the next run onto the volume what this one has written.
	// Without it the next run has to compare and overwrite.
	Marked bool
}

// Error implements error.
func (e *RemainsError) Error() string {
	made, state := "", "is there, but not restored"
	if e.Created {
		made = ", created for this restore,"
	}
	if e.Deleted {
		state = "is deleted again"
	}
	text := fmt.Sprintf("%v\nvolume %s%s %s", e.Err, e.Volume.ID, made, state)
	if e.NotDeleted != nil {
		text += fmt.Sprintf("; it could not be deleted: %v", e.NotDeleted)
	}
	return text
}

// Unwrap returns why the restore failed.
func (e *RemainsError) Unwrap() error { return e.Err }

// RollbackError says what could not be undone in the cloud by a restore whose data is on the
// volume. More than the volume's metadata may then be wrong.
type RollbackError struct {
	Written Written // zero from Free, whose caller reports the data itself
	Err     error
}

// Error implements error.
func (e *RollbackError) Error() string {
	switch {
	case e.Written.Lossy:
		return "the data is restored, except for what is lost; " + e.Err.Error()
	case e.Written.Restored:
		return "the data is restored and verified; " + e.Err.Error()
	}
	return e.Err.Error()
}

// Unwrap returns what failed.
func (e *RollbackError) Unwrap() error { return e.Err }
