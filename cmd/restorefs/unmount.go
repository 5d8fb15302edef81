package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/fusefs"
)

func unmountCommand() *cli.Command {
	return &cli.Command{
		Name:      "unmount",
		Aliases:   []string{"umount"},
		Usage:     "take down a mount and wait until its process is gone",
		ArgsUsage: "MOUNTPOINT...",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "lazy", Usage: "take a busy mount out of the tree at once", DisableDefaultText: true},
			&cli.BoolFlag{Name: "if-mounted", Usage: "succeed, without a word, where no restorefs is mounted", DisableDefaultText: true},
			&cli.DurationFlag{Name: "timeout", Value: 30 * time.Second, Usage: "give up on a busy mount after `TIME`"},
		},
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return cmdline.Usagef("unmount takes MOUNTPOINT..., no argument was given")
			}
			var errs []error
			for _, dir := range c.Args().Slice() {
				errs = append(errs, unmountOne(c, dir))
			}
			return errors.Join(errs...)
		},
	}
}

func unmountOne(c *cli.Context, dir string) error {
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	err := fusefs.Unmount(ctx, dir, fusefs.UnmountOptions{Lazy: c.Bool("lazy"), AwaitExit: true, Logger: newLogger(c)})
	if c.Bool("if-mounted") && (errors.Is(err, fusefs.ErrNotMounted) || errors.Is(err, fs.ErrNotExist)) {
		return nil
	}
	var busy *fusefs.BusyError
	if errors.As(err, &busy) {
		return fmt.Errorf("%w (--lazy)", err)
	}
	return err
}
