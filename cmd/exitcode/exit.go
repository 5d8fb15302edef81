package exitcode

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/device"
)

// Exit codes, a documented contract (README).
const (
	Done    = 0
	Failed  = 1
	Usage   = 2 // wrong usage
	Damaged = 3 // backup damaged or incomplete
	Refused = 4 // target refused, nothing written
	Partly  = 5 // data restored and verified, metadata only in part
)

// metadataError says that the data is restored, and the metadata is not, or only in part.
type metadataError struct{ error }

func (e metadataError) Unwrap() error { return errors.Unwrap(e.error) }

// MetadataFailed says of err that the data is restored nevertheless; nil is not for it.
func MetadataFailed(err error) error { return metadataError{err} }

// Status ends the program with a code and without a message, because all has been said.
type Status int

func (e Status) Error() string { return "" }

// Of returns the exit code for the error that a command ended with.
func Of(err error) int {
	var usage cmdline.UsageError
	var refused *materialize.RefusedError
	var wrong *device.WrongError
	var rollback *cloud.RollbackError
	var metadata metadataError
	var status Status
	switch {
	case err == nil:
		return Done
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage), errors.Is(err, backupstore.ErrNoBackup), errors.Is(err,
		backupstore.ErrAmbiguous):
		return Usage
	case errors.As(err, &refused), errors.As(err, &wrong):
		return Refused
	case errors.Is(err, backupstore.ErrDamaged):
		return Damaged
	case errors.As(err, &rollback): // more than the metadata is wrong
		return Failed
	case errors.As(err, &metadata):
		return Partly
	}
	return Failed
}

// Explain returns an error as the operator reads it. It may contain names from the share, which
// must not steer the terminal.
func Explain(err error) string {
	text := strings.ReplaceAll(err.Error(), ": "+backupstore.ErrDamaged.Error(), "")
	if errors.Is(err, context.Canceled) {
		text = strings.ReplaceAll("interrupted: "+text, ": "+context.Canceled.Error(), "")
	}
	if at, ok := errors.AsType[*os.SyscallError](err); ok && at.Syscall == "getwd" {
		text += ": the working directory is gone; cd to another one, or give full paths"
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = wording.Printable(wording.Cut(lines[i], wording.MaxLine))
	}
	return strings.Join(lines, "\n")
}
