package attended

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/wording"
)

// toStdout streams the volume to a pipe, or prints what that would take.
func (r *restoring) toStdout(ctx context.Context) error {
	if r.o.DryRun {
		return r.plan(ctx, "-", r.engine.PlanStream)
	}
	if term.IsTerminal(int(os.Stdout.Fd())) {
		return cmdline.Usagef("stdout is a terminal: pipe it somewhere, or name a TARGET")
	}
	for _, flag := range []string{"json", "delta", "verify-after", "force", "reflink"} {
		if len(r.given.Only(flag)) > 0 {
			return cmdline.Usagef("--%s does not go with stdout as the target", flag)
		}
	}
	info, err := os.Stdout.Stat()
	if err != nil {
		return fmt.Errorf("look at stdout: %w", err)
	}
	if info.Mode()&os.ModeDevice != 0 && info.Mode()&os.ModeCharDevice == 0 {
		return cmdline.Usagef("stdout is a block device, of which nothing would be checked: give " +
			"its name as TARGET; nothing was written")
	}
	r.done, err = r.engine.Stream(ctx, os.Stdout)
	if ctx.Err() != nil {
		return fmt.Errorf("what was written to stdout is not the whole volume: %w", ctx.Err())
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(r.o.Err, "wrote %s in %.1f s\n", wording.Size(r.done.Size),
		r.done.Duration.Seconds())
	tellContents(ctx, r.o.Err, r.engine.Volume())
	data := "the data is written; "
	if len(r.done.Lost) > 0 {
		data = "the data is written, except for what is lost; "
	}
	return errors.Join(lost(r.o.Err, r.done.Lost, "zeros stand there"), inDoubt(r.backup),
		recordError(data, r.recordOfStream(ctx)))
}

// recordOfStream writes the metadata to the file of --metadata-out; next to stdout there is no
// default file. (--metadata-out - cannot be used with it.)
func (r *restoring) recordOfStream(ctx context.Context) error {
	if r.o.MetadataOut == "" {
		return nil
	}
	text, err := r.engine.RecordText(ctx)
	if err != nil {
		return err
	}
	return r.o.Engine.Keeper.Keep(r.o.MetadataOut, text)
}
