package nfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
	"github.com/restorefs/restorefs/backupstore/share/nfs/rpc"
)

// Error is what went wrong with a file or directory of a share.
type Error struct {
	Share string // the URL
	Op    string // what was being done: open, read, stat
	Path  string // of the file or directory in the share
	Err   error

	as rpc.Identity
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("%s %s of %s: %v%s", e.Op, e.Path, e.Share, e.Err, e.Advice())
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Advice says what can be done, in parentheses, or is "".
func (e *Error) Advice() string {
	switch {
	case errors.Is(e.Err, proto.WrongSec): // says it already
	case errors.Is(e.Err, fs.ErrPermission):
		return denied(e.as)
	case errors.Is(e.Err, proto.Stale):
		return " (it was deleted or replaced, or the server forgot it: it is looked up again)"
	}
	return ""
}

// denied says what can be done if a server does not let an identity read.
func denied(as rpc.Identity) string {
	text := fmt.Sprintf(" (the server was asked as uid %d, gid %d", as.UID, as.GID)
	if as.UID == 0 {
		text += ", which it may take for nobody: root_squash"
	}
	return text + "; ?uid= and ?gid= in the URL ask as another user, who should be the one that " +
		"cinder-backup runs as: see id cinder on its host)"
}

// do carries out an operation on the share: again while the server is busy or has just started, and
// with word of a server that does not answer.
func (s *Share) do(ctx context.Context, op, path string, f func() error) error {
	call := s.outage.Begin()
	defer call.End()
	err := s.policy.Again(ctx, func() (bool, error) {
		err := f()
		return later(err), err
	})
	if err == nil || ctx.Err() != nil {
		return err
	}
	return s.wrap(op, path, err)
}

// later reports whether a server said that it is busy or has just started.
func later(err error) bool { return errors.Is(err, proto.Jukebox) || errors.Is(err, proto.Grace) }

func (s *Share) wrap(op, path string, err error) error {
	if _, already := errors.AsType[*Error](err); already || err == nil {
		return err
	}
	return &Error{Share: s.spec.String(), Op: op, Path: path, Err: err, as: s.spec.Identity}
}

// errOlder says that a block that was read ahead is of an older state of the file.
var errOlder = errors.New("the file has changed since")
