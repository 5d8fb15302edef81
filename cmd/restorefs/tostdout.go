package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/restorefs/restorefs/materialize"
)

// toStdout streams the volume, for a pipe.
func (r *restore) toStdout(ctx context.Context) error {
	if term.IsTerminal(int(os.Stdout.Fd())) {
		return usagef("stdout is a terminal: pipe it somewhere, or name a TARGET")
	}
	for _, flag := range []string{"json", "delta", "verify-after", "force", "reflink"} {
		if len(r.o.given.only(flag)) > 0 {
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
	defer context.AfterFunc(ctx, func() { os.Stdout.Close() })()
	stop := r.o.showProgress(r.state())
	result, err := materialize.Stream(ctx, r.volume, os.Stdout, r.options)
	stop()
	if ctx.Err() != nil {
		return fmt.Errorf("what was written to stdout is not the whole volume: %w", ctx.Err())
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
	fmt.Fprintf(r.o.err, "wrote %s in %.1f s\n", formatSize(result.Size), result.Duration.Seconds())
	r.o.tellContents(ctx, r.volume)
	data := "the data is written; "
	if len(r.rescue.Bad()) > 0 {
		data = "the data is written, except for what is lost; "
	}
	_, err = r.writeRecord(ctx, nil)
	return errors.Join(r.o.lost(r.rescue.Bad(), "zeros stand there"), inDoubt(r.backup), recordError(data, err))
}
