package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/filereport"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/wording"
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
	o := files.CopyOptions{All: c.Bool("archive"), Replace: c.Bool("force")}
	return filesOptionsOf(c).run(c.Context, cpUsage, 3,
		func(r *filesRun) error { return r.cp(c.Context, o) })
}

func (r *filesRun) cp(ctx context.Context, o files.CopyOptions) error {
	last := len(r.paths) - 1
	dest := r.paths[last]
	if dest == "-" {
		return cmdline.Usagef(
			"cp copies into a directory: \"restorefs cat\" writes a file to stdout, " +
				"\"restorefs tar\" a tree")
	}
	if err := places.Outside(ctx, r.share, dest); err != nil {
		return err
	}
	nodes, err := r.findAll(r.paths[:last])
	if err != nil {
		return err
	}
	r.notes()
	var failed, left filereport.Failures
	o.Failed = func(path string, err error) {
		r.told(path, err)
		failed.Add(path, err.Error())
	}
	o.Left = func(path, why string) {
		r.left(path, why)
		left.Add(path, why)
	}
	done, ended := files.Copy(ctx, nodes, dest, o)
	filereport.CopyNotes(r.Err, done)
	if r.JSON {
		said := filereport.NewCopied(r.backup, dest, done)
		said.Failed, said.Left = append(said.Failed, failed...), append(said.Left, left...)
		if ended != nil {
			said.Error = ended.Error()
		}
		err = wording.WriteJSON(r.Out, said)
	} else if ended == nil {
		_, err = fmt.Fprintf(r.Out, "copied to %s: %s\n", dest, filereport.CopiedWords(done))
	}
	return cmp.Or(ended, err, r.result("all was copied"))
}
