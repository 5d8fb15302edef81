package doctor

import (
	"context"
	"log/slog"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// RunOptions are what the flags of doctor ask for.
type RunOptions struct {
	console.Console
	Options
	Memory    process.Memory // in place of Options.Memory
	LogIn     bool           // to the cloud
	CloudName string         // of clouds.yaml; "": that of the environment
	Logger    *slog.Logger
}

// Run examines the machine and prints what it found. Its error is without words if that is a
// problem.
func Run(ctx context.Context, o RunOptions) (err error) {
	if o.Wait <= 0 {
		return cmdline.Usagef("--wait must be more than 0")
	}
	if _, err := o.Memory.Bound(); err != nil {
		return err
	}
	if o.Options.Memory, err = cmdline.ParseSize(o.Memory.Text); err != nil {
		return err
	}
	if o.LogIn {
		o.Cloud = func(ctx context.Context) error {
			c, err := cinderapi.Connect(ctx, cinderapi.Options{
				Cloud: o.CloudName, Logger: o.Logger,
			})
			if err == nil {
				c.Close()
			}
			return err
		}
	}
	found, err := Examine(ctx, o.Options)
	if err != nil {
		return err
	}
	if o.JSON {
		if err := wording.WriteJSON(o.Out, found); err != nil {
			return err
		}
	} else {
		Print(o.Out, found, console.Colour())
	}
	if Worst(found) == Problem {
		return exitcode.Status(exitcode.Failed) // the findings explain it
	}
	return nil
}
