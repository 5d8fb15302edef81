package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/browse"
)

func lsCommand() *cli.Command {
	return &cli.Command{
		Name:      "ls",
		Usage:     "list files inside a backup's disk",
		ArgsUsage: lsUsage,
		Description: backupHelp + "\n" + filesHelp + `

Without a PATH it lists the root of the one file system, or the parts of the disk if
files could be in several. Times are UTC; owners are the numbers that the disk has.`,
		Flags: filesFlagsOf(
			memoryToLook,
			jsonFlag(),
			&cli.BoolFlag{
				Name:               "recursive",
				Aliases:            []string{"R"},
				Usage:              "list what is in directories too, with whole paths",
				DisableDefaultText: true,
			},
		),
		Action: runLs,
	}
}

const lsUsage = "BACKUP [PATH...]"

func runLs(c *cli.Context) error {
	o, err := filesOptionsOf(c, lsUsage, 1)
	if err != nil {
		return err
	}
	return browse.Ls(c.Context, o, c.Args().Tail(), c.Bool("recursive"))
}
