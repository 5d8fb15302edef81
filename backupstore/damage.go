package backupstore

import (
	"errors"
	"fmt"
)

// ErrDamaged is what errors.Is finds in every error that says that bytes of a
// backup cannot be had, or are not those that were backed up.
var ErrDamaged = errors.New("backup damaged")

// DamageError is a range of a volume that cannot be had.
type DamageError struct {
	Backup string // backup id
	Object string // path of the object on the share, "" if none
	Offset int64  // in the volume, bytes
	Length int64
	Reason string
	Err    error // what lies behind it, may be nil
}

// Error implements error.
func (e *DamageError) Error() string {
	s := fmt.Sprintf("backup %s is damaged: bytes %d to %d", e.Backup, e.Offset, e.Offset+e.Length)
	if e.Object != "" {
		s += " (object " + e.Object + ")"
	}
	s += ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap makes both ErrDamaged and the cause visible to errors.Is.
func (e *DamageError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrDamaged}
	}
	return []error{ErrDamaged, e.Err}
}

// Damaged returns the damaged range of the volume, in bytes.
func (e *DamageError) Damaged() (off, n int64) { return e.Offset, e.Length }
