package places

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cache/private"
	"github.com/restorefs/restorefs/cmd/cmdline"
)

// Record is where restorefs keeps what verify found out.
type Record struct {
	Dir    string // --record; "": nothing is kept
	Named  bool   // by the operator, so that one that cannot be used is an error
	Group  string // --trust-group
	Logger *slog.Logger
}

// Make makes the directory and returns it; "" if nothing can be kept, which is logged. It fails if
// the directory is on the share, or if the operator named one that cannot be used.
func (r Record) Make(ctx context.Context, s *locate.Share) (string, error) {
	if r.Dir == "" {
		return "", nil
	}
	err := MakeOwn(ctx, s, r.Group, "record", r.Dir)
	if err == nil {
		return r.Dir, nil
	}
	if _, wrong := errors.AsType[cmdline.UsageError](err); wrong || r.Named {
		return "", err
	}
	r.Logger.Warn("what verify finds out cannot be kept, so list and report will not show it",
		"dir", r.Dir, "err", err)
	return "", nil
}

// Existing returns the directory if there is anything in it that may be believed, else "". It makes
// nothing. It fails only if the operator named one that cannot be used.
func (r Record) Existing() (string, error) {
	if r.Dir == "" {
		return "", nil
	}
	rule, err := rule(r.Group)
	if err != nil {
		return "", err
	}
	err = private.Existing(r.Dir, rule)
	switch {
	case err == nil:
		return r.Dir, nil
	case errors.Is(err, fs.ErrNotExist):
	case r.Named:
		return "", fmt.Errorf("--record: %w", err)
	default:
		r.Logger.Info("what verify found out is not shown", "dir", r.Dir, "err", err)
	}
	return "", nil
}
