package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/browse"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
)

func tarCommand() *cli.Command {
	return &cli.Command{
		Name:      "tar",
		Usage:     "write files inside a backup's disk to stdout as a tar",
		ArgsUsage: tarUsage,
		Description: backupHelp + "\n" + filesHelp + `

The tar is of the pax format, with owners, times, extended attributes, links and
devices; names are without the first slash. Holes are zeros in it. What cannot be
read of a file is zeros too, and told.`,
		Flags:  filesFlagsOf(memoryToCopy),
		Action: runTar,
	}
}

const tarUsage = "BACKUP PATH..."

func runTar(c *cli.Context) error {
	if console.OutIsTerminal() {
		return cmdline.Usagef("stdout is a terminal: pipe it somewhere, such as | tar -x -C DIR")
	}
	o, err := filesOptionsOf(c, tarUsage, 2)
	if err != nil {
		return err
	}
	return browse.Tar(c.Context, o, c.Args().Tail())
}
