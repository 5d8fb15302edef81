package main

import (
	"context"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/restorefs/restorefs/materialize"
)

// toStdout streams the volume, for a pipe.
func toStdout(c *cli.Context, volume materialize.Volume, o materialize.Options, state func() progressState) error {
	if term.IsTerminal(int(os.Stdout.Fd())) {
		return usagef("stdout is a terminal: pipe it somewhere, or name a TARGET")
	}
	for _, flag := range []string{"json", "delta", "verify-after", "force", "reflink"} {
		if c.Bool(flag) {
			return usagef("--%s does not go with stdout as the target", flag)
		}
	}
	info, err := os.Stdout.Stat()
	if err != nil {
		return fmt.Errorf("look at stdout: %w", err)
	}
	if info.Mode()&os.ModeDevice != 0 && info.Mode()&os.ModeCharDevice == 0 {
		return usagef("stdout is a block device, of which nothing would be checked: give its name as TARGET; nothing was written")
	}
	// A write to a pipe that nobody reads ends when the pipe is closed.
	defer context.AfterFunc(c.Context, func() { os.Stdout.Close() })()
	stop := reportProgress(c, state)
	result, err := materialize.Stream(c.Context, volume, os.Stdout, o)
	stop()
	if c.Context.Err() != nil {
		return fmt.Errorf("what was written to stdout is not the whole volume: %w", c.Context.Err())
	}
	if err == nil && info.Mode().IsRegular() {
		// Some file systems tell only now that they had no room, or failed.
		if err = os.Stdout.Sync(); err != nil {
			err = fmt.Errorf("what was written to stdout is not safe: %w", err)
		}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.App.ErrWriter, "wrote %s in %.1f s\n", formatSize(result.Size), result.Duration.Seconds())
	return nil
}
