package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/browse"
	"github.com/restorefs/restorefs/cmd/files"
)

func cpCommand() *cli.Command {
	return &cli.Command{
		Name:      "cp",
		Usage:     "copy files out of a backup's disk",
		ArgsUsage: cpUsage,
		Description: backupHelp + "\n" + filesHelp + `

Directories are copied with all that is in them, symbolic links as links, holes as
holes, each file with its time and its mode less the umask. DEST is the directory
into which all goes, or the new name of the one PATH. Files that are there are left
as they are. A file that cannot be read is told, and the others go on.`,
		Flags: filesFlagsOf(
			memoryToCopy,
			jsonFlag(),
			&cli.BoolFlag{Name: "archive", Aliases: []string{"a"}, DisableDefaultText: true,
				Usage: "keep also owners (as root), all of the mode, extended attributes, " +
					"several names of one file, pipes, devices (as root)"},
			&cli.BoolFlag{
				Name:               "force",
				Aliases:            []string{"f"},
				Usage:              "replace files that are there",
				DisableDefaultText: true,
			},
		),
		Action: runCp,
	}
}

const cpUsage = "BACKUP PATH... DEST"

func runCp(c *cli.Context) error {
	o, err := filesOptionsOf(c, cpUsage, 3)
	if err != nil {
		return err
	}
	paths := c.Args().Tail()
	last := len(paths) - 1
	how := files.CopyOptions{All: c.Bool("archive"), Replace: c.Bool("force")}
	return browse.Cp(c.Context, o, paths[:last], paths[last], how)
}
