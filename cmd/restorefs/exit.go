package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/device"
)

// Exit codes, a documented contract (README).
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2 // wrong usage
	exitDamaged = 3 // backup damaged or incomplete
	exitRefused = 4 // target refused, nothing written
	exitPartly  = 5 // data restored and verified, metadata only in part
)

// errMetadata says that the data is restored and the metadata is not; see metadataError.
var errMetadata = errors.New("metadata not restored")

// usageError is a mistake in how the program was called.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func exitCode(err error) int {
	var usage usageError
	var refused *materialize.RefusedError
	var wrong *device.WrongError
	var rollback *cloud.RollbackError
	var status exitStatus
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage), errors.Is(err, backupstore.ErrNoBackup), errors.Is(err, backupstore.ErrAmbiguous):
		return exitUsage
	case errors.As(err, &refused), errors.As(err, &wrong):
		return exitRefused
	case errors.Is(err, backupstore.ErrDamaged):
		return exitDamaged
	case errors.As(err, &rollback): // more than the metadata is wrong
		return exitFailed
	case errors.Is(err, errMetadata):
		return exitPartly
	}
	return exitFailed
}

// explain returns an error as the operator reads it. It may contain names from the share, which
// must not steer the terminal.
func explain(err error) string {
	text := strings.ReplaceAll(err.Error(), ": "+backupstore.ErrDamaged.Error(), "")
	if errors.Is(err, context.Canceled) {
		text = strings.ReplaceAll("interrupted: "+text, ": "+context.Canceled.Error(), "")
	}
	if at, ok := errors.AsType[*os.SyscallError](err); ok && at.Syscall == "getwd" {
		text += ": the working directory is gone; cd to another one, or give full paths"
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = printable(cut(lines[i], maxLine))
	}
	return strings.Join(lines, "\n")
}
