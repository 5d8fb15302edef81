package main

import (
	"errors"
	"fmt"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cache/private"
	"github.com/restorefs/restorefs/cmd/cmdline"
)

// trustGroupFlag belongs to each command that keeps or reads something in a directory of restorefs.
func trustGroupFlag() cli.Flag {
	return &cli.StringFlag{Name: "trust-group", Usage: "use directories of caches and overlays that members of `GROUP` can write to"}
}

// dirRule returns the rule that --trust-group sets.
func dirRule(c *cli.Context) (private.Rule, error) {
	name := c.String("trust-group")
	if name == "" {
		return private.Rule{}, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		g, err = user.LookupGroupId(name)
	}
	if err != nil {
		return private.Rule{}, cmdline.Usagef("--trust-group %s: there is no such group", name)
	}
	id, err := strconv.Atoi(g.Gid)
	if err == nil && id == 0 {
		err = errors.New("it is root's, which is trusted anyway")
	}
	if err != nil {
		return private.Rule{}, cmdline.Usagef("--trust-group %s: %w", name, err)
	}
	return private.Rule{Group: id}, nil
}

// ownDir makes a directory for restorefs, and refuses one that is on the share or that others can
// write to.
func ownDir(c *cli.Context, s *locate.Share, flag, dir string) error {
	rule, err := dirRule(c)
	if err == nil {
		err = outsideShare(c.Context, s, dir)
	}
	if err != nil {
		return err
	}
	if err := private.Dir(dir, rule); err != nil {
		return fmt.Errorf("--%s: %w", flag, err)
	}
	return nil
}

// overlayDir refuses a directory of overlays that others can write to, because its contents end up
// on disks.
func overlayDir(c *cli.Context, dir string) error {
	rule, err := dirRule(c)
	if err != nil {
		return err
	}
	if err := private.Existing(dir, rule); errors.Is(err, private.ErrForeign) {
		return fmt.Errorf("the overlays: %w", err)
	}
	return nil // opening an overlay reports a missing directory
}

// cacheSubDir makes a directory below --cache-dir: "index" or "state". It returns "" if that is not
// possible, because commands work without it. It fails only if the directory is on the share, or if
// the user named one that is not private.
func cacheSubDir(c *cli.Context, s *locate.Share, name, without string) (string, error) {
	dir := c.String("cache-dir")
	if dir == "" {
		return "", nil
	}
	err := ownDir(c, s, "cache-dir", dir)
	if err == nil {
		rule, _ := dirRule(c) // ownDir has checked it
		dir, err = private.Sub(dir, name, rule)
	}
	var usage cmdline.UsageError
	switch {
	case err == nil:
		return dir, nil
	case errors.As(err, &usage), errors.Is(err, private.ErrForeign) && c.IsSet("cache-dir"):
		return "", err
	}
	newLogger(c).Warn(without, "dir", filepath.Join(c.String("cache-dir"), name), "err", err)
	return "", nil
}
