package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/live"
	"github.com/restorefs/restorefs/cmd/process"
)

func liveCommand() *cli.Command {
	return &cli.Command{
		Name:      "live",
		Usage:     "use a volume at once, while its backup is copied onto its device",
		ArgsUsage: "BACKUP DEVICE | --resume DEVICE | --abort DEVICE | status",
		Description: "The volume is /dev/mapper/NAME in a second, to be read and written. " +
			`Meanwhile it is copied to
DEVICE, the guest first; in the end what the guest did not write is
compared with the backup, and NAME shows DEVICE itself, without being closed. That
takes root. --file shows the volume as a file instead, for qemu.

DEVICE is checked as by materialize. What the guest wrote and synced is on DEVICE,
whatever ends the process or the machine: --resume goes on. Until it is complete DEVICE
is not a disk to use by itself. Ctrl-C ends it when nobody uses NAME any more. Where the
backup is damaged the guest gets errors, and the end is exit 3.

"status" says what is known of the live restores of this machine.

` + backupHelp,
		Flags: []cli.Flag{
			shareFlag(), jsonFlag(), memoryFlag(), cacheDirFlag(),
			&cli.StringFlag{Name: "name",
				Usage: "the device is /dev/mapper/`NAME` (restorefs- and the start of the " +
					"backup's id unless given)"},
			&cli.StringFlag{Name: "file",
				Usage: "mount the volume as a file in this empty `DIR` instead; DEVICE may be a " +
					"file too, and no root is needed"},
			&cli.StringFlag{Name: "state",
				Usage: "keep what is valid on DEVICE in `FILE`, on a disk that outlives this " +
					"machine's crash"},
			recordFlag("keep it in live/ below this `DIRECTORY`"),
			&cli.BoolFlag{Name: "resume", DisableDefaultText: true,
				Usage: "go on after Ctrl-C, a crash or a power cut"},
			&cli.BoolFlag{Name: "abort", DisableDefaultText: true,
				Usage: "end a restore that no process is at, and say what DEVICE is"},
			forceFlag("overwrite what DEVICE holds (never one that is in use, or too small)"),
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, DisableDefaultText: true,
				Usage: "do not ask"},
			progressFlag(), niceFlag(), jobsFlag(),
			&cli.StringFlag{Name: "bwlimit",
				Usage: "copy no more than this `RATE` of data a second from the backup: 50MiB or " +
					"400Mbit (a number alone is bytes)"},
		},
		Action: runLive,
	}
}

func runLive(c *cli.Context) error {
	o := commonOf(c)
	what := live.Options{
		Console: o.Console,
		Source:  o.source(),
		Memory:  o.memory,
		Record:  o.record,
		Command: o.command,
		Given:   o.given,
		Args:    o.args,
		Name:    c.String("name"),
		File:    c.String("file"),
		State:   c.String("state"),
		Resume:  c.Bool("resume"),
		Abort:   c.Bool("abort"),
		Force:   c.Bool("force"),
		NiceIO:  c.Bool("nice-io"),
		Jobs:    o.jobs,
		Rate:    c.String("bwlimit"),
	}
	if len(o.args) == 1 && o.arg(0) == "status" && !what.Resume && !what.Abort {
		return live.Show(what)
	}
	ctx, stop := process.UntilHangup(c.Context)
	defer stop()
	return live.Run(ctx, what)
}
