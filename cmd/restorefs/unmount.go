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
			&cli.BoolFlag{Name: "lazy", DisableDefaultText: true,
				Usage: "take a busy mount out of the tree at once"},
			&cli.BoolFlag{Name: "if-mounted", DisableDefaultText: true,
				Usage: "succeed, without a word, where no restorefs is mounted"},
			&cli.DurationFlag{Name: "timeout", Value: 30 * time.Second,
				Usage: "give up on a busy mount after `TIME`"},
		},
		Action: runUnmount,
	}
}

// unmountOptions are what the flags of unmount ask for.
type unmountOptions struct {
	common
	lazy, ifMounted bool
	timeout         time.Duration
}

func runUnmount(c *cli.Context) error {
	return unmount(c.Context, unmountOptions{
		common: commonOf(c), lazy: c.Bool("lazy"), ifMounted: c.Bool("if-mounted"),
		timeout: c.Duration("timeout"),
	})
}

func unmount(ctx context.Context, o unmountOptions) error {
	if len(o.args) == 0 {
		return cmdline.Usagef("unmount takes MOUNTPOINT..., no argument was given")
	}
	var errs []error
	for _, dir := range o.args {
		errs = append(errs, o.unmountOne(ctx, dir))
	}
	return errors.Join(errs...)
}

func (o unmountOptions) unmountOne(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	err := fusefs.Unmount(ctx, dir, fusefs.UnmountOptions{
		Lazy: o.lazy, AwaitExit: true, Logger: o.log,
	})
	if o.ifMounted && (errors.Is(err, fusefs.ErrNotMounted) || errors.Is(err, fs.ErrNotExist)) {
		return nil
	}
	var busy *fusefs.BusyError
	if errors.As(err, &busy) {
		return fmt.Errorf("%w (--lazy)", err)
	}
	return err
}
