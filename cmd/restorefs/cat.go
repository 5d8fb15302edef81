package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/browse"
)

func catCommand() *cli.Command {
	return &cli.Command{
		Name:      "cat",
		Usage:     "write files inside a backup's disk to stdout",
		ArgsUsage: catUsage,
		Description: backupHelp + "\n" + filesHelp + "\n\n" +
			"On a terminal, what would steer it is replaced.",
		Flags:  filesFlagsOf(memoryToLook),
		Action: runCat,
	}
}

const catUsage = "BACKUP PATH..."

func runCat(c *cli.Context) error {
	o, err := filesOptionsOf(c, catUsage, 2)
	if err != nil {
		return err
	}
	return browse.Cat(c.Context, o, c.Args().Tail())
}
