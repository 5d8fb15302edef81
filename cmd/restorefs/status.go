package main

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/mountstatus"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:      "status",
		Usage:     "list the mounts of this machine, dead ones too, and what to do about those",
		ArgsUsage: "[MOUNTPOINT...]",
		Description: `Each mount tells about itself in MOUNTPOINT/` + fusefs.StatusFile +
			` (not listed by ls), as
far as you may read it. States: serving, not answering, dead (its server is gone). The
exit code is 1 if one is not serving, or if nothing is mounted on a MOUNTPOINT given.`,
		Flags:  []cli.Flag{jsonFlag()},
		Action: runStatus,
	}
}

func runStatus(c *cli.Context) error { return status(commonOf(c)) }

// status prints the mounts on the directories that were named, all of this machine for none.
func status(o common) error {
	list, err := mountstatus.Look(o.args)
	if err != nil {
		return err
	}
	if o.JSON {
		if err := wording.WriteJSON(o.Out, list); err != nil {
			return err
		}
	} else {
		if len(list) == 0 {
			fmt.Fprintln(o.Err, "nothing is mounted")
		}
		for _, m := range list {
			fmt.Fprintln(o.Out, m)
		}
	}
	if slices.ContainsFunc(list,
		func(m mountstatus.Mount) bool { return m.State != mountstatus.Serving }) {
		return exitcode.Status(exitcode.Failed) // the list explains it
	}
	return nil
}
