package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/wording"
)

func cpCommand() *cli.Command {
	return &cli.Command{
		Name:      "cp",
		Usage:     "copy files out of a backup's disk",
		ArgsUsage: "BACKUP PATH... DEST",
		Description: backupHelp + "\n" + filesHelp + `

Directories are copied with all that is in them, symbolic links as links, holes as
holes, each file with its time and its mode less the umask. DEST is the directory
into which all goes, or the new name of the one PATH. Files that are there are left
as they are. A file that cannot be read is told, and the others go on.`,
		Flags: filesFlagsOf(
			jsonFlag(),
			&cli.BoolFlag{Name: "archive", Aliases: []string{"a"}, DisableDefaultText: true,
				Usage: "keep also owners (as root), all of the mode, extended attributes, several names of one " +
					"file, pipes, devices (as root)"},
			&cli.BoolFlag{
				Name:               "force",
				Aliases:            []string{"f"},
				Usage:              "replace files that are there",
				DisableDefaultText: true,
			},
		),
		Action: func(c *cli.Context) error {
			if err := wantFiles(c, 2); err != nil {
				return err
			}
			o := files.CopyOptions{All: c.Bool("archive"), Replace: c.Bool("force")}
			return runFiles(
				c,
				func(ctx context.Context, r *filesRun, share *locate.Share) error { return r.cp(ctx, share, o) },
			)
		},
	}
}

// copied is cp's JSON; its fields are a contract.
type copied struct {
	Backup      string       `json:"backup"`
	Dest        string       `json:"dest"`
	Files       int          `json:"files"`
	Directories int          `json:"directories"`
	Links       int          `json:"links"` // symbolic
	Others      int          `json:"others"`
	Bytes       int64        `json:"bytes"` // written; holes do not count
	Failed      []failedFile `json:"failed"`
	Left        []failedFile `json:"left"` // left out for what they are
}

func (r *filesRun) cp(ctx context.Context, share *locate.Share, o files.CopyOptions) error {
	last := len(r.paths) - 1
	dest := r.paths[last]
	if dest == "-" {
		return cmdline.Usagef(
			"cp copies into a directory: \"restorefs cat\" writes a file to stdout, " +
				"\"restorefs tar\" a tree",
		)
	}
	if err := places.Outside(ctx, share, dest); err != nil {
		return err
	}
	nodes, err := r.findAll(r.paths[:last])
	if err != nil {
		return err
	}
	r.notes()
	report := copied{Backup: r.backup, Dest: dest, Failed: []failedFile{}, Left: []failedFile{}}
	o.Failed = func(path string, err error) {
		r.told(path, err)
		if len(report.Failed) < maxFailed {
			report.Failed = append(report.Failed, failedFile{path, notText(path), err.Error()})
		}
	}
	o.Left = func(path, why string) {
		r.left(path, why)
		if len(report.Left) < maxFailed {
			report.Left = append(report.Left, failedFile{path, notText(path), why})
		}
	}
	done, err := files.Copy(ctx, nodes, dest, o)
	r.copyNotes(done)
	if err != nil {
		return err
	}
	if r.JSON {
		report.Files, report.Directories, report.Links = done.Files, done.Directories, done.Links
		report.Others, report.Bytes = done.Others, done.Bytes
		if err := wording.WriteJSON(r.Out, report); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(r.Out, "copied to %s: %s\n", dest, copiedWords(done))
	}
	return r.result("all was copied")
}

// copyNotes tells what a copy is lacking.
func (r *filesRun) copyNotes(done files.Copied) {
	for _, name := range slices.Sorted(maps.Keys(done.Attributes)) {
		fmt.Fprintf(
			r.Err,
			"note    the extended attribute %s could not be set on %s: "+
				"the target cannot have it, or not from this user\n",
			shownName(name),
			wording.Count(done.Attributes[name], "file"),
		)
	}
	if done.Separate {
		fmt.Fprintf(
			r.Err,
			"note    there are so many files with several names that some names became files of their own\n",
		)
	}
}

func copiedWords(done files.Copied) string {
	words := []string{wording.Count(done.Files, "file") + " of " + wording.Size(done.Bytes)}
	switch done.Directories {
	case 0:
	case 1:
		words = append(words, "1 directory")
	default:
		words = append(words, fmt.Sprintf("%d directories", done.Directories))
	}
	if done.Links > 0 {
		words = append(words, wording.Count(done.Links, "symbolic link"))
	}
	if done.Others > 0 {
		words = append(words, wording.Count(done.Others, "special file"))
	}
	return strings.Join(words, ", ")
}
