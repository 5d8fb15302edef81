package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/filereport"
	"github.com/restorefs/restorefs/cmd/files"
)

func findFilesCommand() *cli.Command {
	return &cli.Command{
		Name:      "find",
		Usage:     "find files inside a backup's disk by their names",
		ArgsUsage: findUsage,
		Description: backupHelp + "\n" + filesHelp + `

PATTERN is matched with the name, or with the whole path if there is a slash in it:
* is any characters but a slash, ? one, [a-z] one of these. In quotes, or the shell
takes it. Without PATTERN all files are meant. One path a line.

With --all BACKUP is a volume, by its id or the start of it: in which of its backups
is the file, of which size and time? One line each, the newest last.`,
		Flags: filesFlagsOf(
			memoryToLook,
			jsonFlag(),
			&cli.BoolFlag{Name: "all", DisableDefaultText: true,
				Usage: "look in all backups of the volume that BACKUP names"},
			&cli.StringFlag{Name: "name", Usage: "the `PATTERN`"},
			&cli.StringFlag{Name: "below", Usage: "look below this `PATH`, not everywhere"},
			&cli.StringFlag{
				Name: "type",
				Usage: "only these `TYPES`: f file, d directory, l symbolic link, " +
					"p pipe, s socket, " +
					"b and c devices",
			},
			&cli.StringFlag{
				Name:  "newer",
				Usage: "only files changed at this `TIME` or later (as in BACKUP)",
			},
			&cli.StringFlag{Name: "min-size", Usage: "only files of this `SIZE` or more"},
			&cli.StringFlag{Name: "max-size", Usage: "only files of this `SIZE` or less"},
			&cli.BoolFlag{
				Name:               "ignore-case",
				Aliases:            []string{"i"},
				Usage:              "take small and capital letters for the same",
				DisableDefaultText: true,
			},
			&cli.BoolFlag{
				Name:               "long",
				Aliases:            []string{"l"},
				Usage:              "print what ls prints of each",
				DisableDefaultText: true,
			},
			&cli.BoolFlag{
				Name: "print0",
				Usage: "print the paths as they are, each with a NUL behind it, " +
					"for xargs -0",
				DisableDefaultText: true,
			},
		),
		Action: runFind,
	}
}

const findUsage = "BACKUP|VOLUME [PATTERN]"

func runFind(c *cli.Context) error {
	o := findOptions{
		filesOptions: filesOptionsOf(c), below: c.String("below"), long: c.Bool("long"),
		print0: c.Bool("print0"),
		want: files.Select{
			Pattern: c.Args().Get(1), Kinds: c.String("type"), IgnoreCase: c.Bool("ignore-case"),
		},
	}
	var errs [3]error
	o.want.MinBytes, errs[0] = sizeOf(c.String("min-size"))
	o.want.MaxBytes, errs[1] = sizeOf(c.String("max-size"))
	if when := c.String("newer"); when != "" {
		var span backupstore.Span
		span, errs[2] = backupstore.ParseTime(when, time.Now())
		o.want.Newer = span.From
	}
	if err := cmp.Or(errs[0], errs[1], errs[2], o.want.Check()); err != nil {
		return cmdline.WrongUsage(err)
	}
	if name := c.String("name"); name != "" {
		if len(o.args) > 1 {
			return cmdline.Usagef("find takes one PATTERN: --name %s, or %s", name, o.arg(1))
		}
		o.want.Pattern = name
	}
	if n := len(o.args); n > 2 {
		return cmdline.Usagef("find takes one PATTERN, not %d: put it in quotes, or the shell "+
			"makes names of it; "+
			"--below says where to look", n-1)
	}
	if c.Bool("all") {
		return o.findInAll(c.Context)
	}
	return o.run(c.Context, findUsage, 1,
		func(r *filesRun) error { return r.findFiles(c.Context, o) })
}

// sizeOf is parseSize of a flag that need not be given.
func sizeOf(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	return cmdline.ParseSize(s)
}

// findOptions are what the flags of find ask for.
type findOptions struct {
	filesOptions
	want         files.Select
	below        string
	long, print0 bool
}

func (r *filesRun) findFiles(ctx context.Context, o findOptions) error {
	nodes, err := r.beginnings(o.below)
	if err != nil {
		return err
	}
	r.notes()
	listing := files.Listing{
		Deep:   true,
		Self:   true,
		Select: o.want,
		Failed: r.told,
		Found: func(n *files.Node) error {
			name := r.disk.Name(n)
			switch {
			case o.print0:
				_, err := fmt.Fprint(r.Out, name, "\x00")
				return err
			case o.long:
				_, err := fmt.Fprintln(r.Out, filereport.Long(n, name))
				return err
			}
			_, err := fmt.Fprintln(r.Out, filereport.Name(name))
			return err
		},
	}
	return r.list(ctx, nodes, listing, "searched")
}

// beginnings returns where to look: below a path, or in all file systems that are read.
func (r *filesRun) beginnings(below string) (nodes []*files.Node, err error) {
	if below != "" {
		n, err := r.find(below, true)
		if err != nil {
			return nil, err
		}
		return []*files.Node{n}, nil
	}
	var failed error
	for _, p := range r.disk.Parts {
		switch {
		case p.Readable():
			n, err := r.find(p.Name+":/", true)
			if err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			nodes = append(nodes, n)
		case p.Container:
		case p.Kind != "" && p.Kind != "swap":
			r.note(fmt.Sprintf(
				"%s is not searched: it is %s, whose files are not read here", p.Name, p.Kind))
		}
	}
	if len(nodes) == 0 {
		return nil, cmp.Or(failed, r.noFiles())
	}
	if failed != nil {
		r.failed++
		fmt.Fprintf(r.Err, "restorefs: %s%s\n", r.about, exitcode.Explain(advised(failed)))
	}
	return nodes, nil
}
