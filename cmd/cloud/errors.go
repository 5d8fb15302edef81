package cloud

import (
	"fmt"

	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// RemainsError is a restore that failed and leaves a volume in the cloud that is not
// restored.
type RemainsError struct {
	Err     error
	Volume  *cinderapi.Volume // as it is now
	Created bool              // for this restore
	// Deleted says that it was deleted again (Options.Cleanup), NotDeleted why that
	// failed.
	Deleted    bool
	NotDeleted error
	// Noted says that another run onto the volume knows by a note what this one has
	// written. Without one it has to compare and to overwrite.
	Noted bool
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

// Unwrap gives why the restore failed.
func (e *RemainsError) Unwrap() error { return e.Err }

// RollbackError is what a restore whose data is on the volume could not put back in
// the cloud: more than the metadata is not as it should be then.
type RollbackError struct {
	Written Written // zero where the Writer has told of the data itself
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

// Unwrap gives what failed.
func (e *RollbackError) Unwrap() error { return e.Err }
