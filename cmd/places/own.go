package places

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cache/private"
	"github.com/restorefs/restorefs/cmd/cmdline"
)

// rule returns the rule that --trust-group sets; "" trusts no group.
func rule(group string) (private.Rule, error) {
	if group == "" {
		return private.Rule{}, nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		g, err = user.LookupGroupId(group)
	}
	if err != nil {
		return private.Rule{}, cmdline.Usagef("--trust-group %s: there is no such group", group)
	}
	id, err := strconv.Atoi(g.Gid)
	if err == nil && id == 0 {
		err = errors.New("it is root's, which is trusted anyway")
	}
	if err != nil {
		return private.Rule{}, cmdline.Usagef("--trust-group %s: %w", group, err)
	}
	return private.Rule{Group: id}, nil
}

// MakeOwn makes the directory that a flag names, and refuses one that is on the share or that
// others than group can write to.
func MakeOwn(ctx context.Context, s *locate.Share, group, flag, dir string) error {
	rule, err := rule(group)
	if err == nil {
		err = Outside(ctx, s, dir)
	}
	if err != nil {
		return err
	}
	if err := private.Dir(dir, rule); err != nil {
		return fmt.Errorf("--%s: %w", flag, err)
	}
	return nil
}

// CheckOverlays refuses a directory of overlays that others than group can write to, because its
// contents end up on disks.
func CheckOverlays(group, dir string) error {
	rule, err := rule(group)
	if err != nil {
		return err
	}
	if err := private.Existing(dir, rule); errors.Is(err, private.ErrForeign) {
		return fmt.Errorf("the overlays: %w", err)
	}
	return nil // opening an overlay reports a missing directory
}

// Cache is where restorefs keeps what it could compute again.
type Cache struct {
	Dir    string // --cache-dir; "": nothing is kept
	Named  bool   // by the operator, so that one that is not private is an error
	Group  string // --trust-group
	Logger *slog.Logger
}

// Check refuses a cache that is there and is not private. It makes nothing.
func (c Cache) Check() error {
	rule, err := rule(c.Group)
	if err != nil {
		return err
	}
	if err := private.Existing(c.Dir, rule); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--cache-dir: %w", err)
	}
	return nil
}

// Sub makes a directory below the cache: "index", "scanned" or "state". It returns "" if that is
// not possible, because commands work without it, and logs what happens without. It fails only if
// the directory is on the share, or if the operator named one that is not private.
func (c Cache) Sub(ctx context.Context, s *locate.Share, name string, level slog.Level,
	without string) (string, error) {
	if c.Dir == "" {
		return "", nil
	}
	dir := c.Dir
	err := MakeOwn(ctx, s, c.Group, "cache-dir", dir)
	if err == nil {
		rule, _ := rule(c.Group) // MakeOwn has checked it
		dir, err = private.Sub(dir, name, rule)
	}
	var usage cmdline.UsageError
	switch {
	case err == nil:
		return dir, nil
	case errors.As(err, &usage), errors.Is(err, private.ErrForeign) && c.Named:
		return "", err
	}
	c.Logger.Log(ctx, level, without, "dir", filepath.Join(c.Dir, name), "err", err)
	return "", nil
}

// NotEmpty returns the paths that are not "".
func NotEmpty(paths ...string) (out []string) {
	for _, path := range paths {
		if path != "" {
			out = append(out, path)
		}
	}
	return out
}
