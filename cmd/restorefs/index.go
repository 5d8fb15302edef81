package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/inspect"
)

func indexCommand() *cli.Command {
	return &cli.Command{
		Name:      "index",
		Usage:     "build seek indexes ahead of time, so that random reads are quick at once",
		ArgsUsage: "[BACKUP...]",
		Description: backupHelp + `

An index is about 1 % of its object. A mount builds indexes by itself while it
is read; this command does it before anybody waits. It can be interrupted and
continues where it was.`,
		Flags: []cli.Flag{
			shareFlag(), memoryFlag(), cacheDirFlag(),
			&cli.BoolFlag{Name: "all", Usage: "all complete backups", DisableDefaultText: true},
		},
		Action: runIndex,
	}
}

func runIndex(c *cli.Context) error {
	o := commonOf(c)
	if c.Bool("all") == (len(o.args) > 0) {
		return cmdline.Usagef("index takes the backups to index, or --all; see \"restorefs index " +
			"--help\"")
	}
	return inspect.Index(c.Context, inspect.IndexOptions{
		Console: o.Console, Source: o.source(), Memory: o.memory, Backups: o.args,
	})
}
