package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/inspect"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/wording"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list the backups on the share, oldest first by volume",
		Flags: []cli.Flag{
			shareFlag(), jsonFlag(), cacheDirFlag(),
			&cli.StringFlag{Name: "volume",
				Usage: "only backups of the `VOLUME` with this id, the start of it, or this name"},
			&cli.StringFlag{Name: "name",
				Usage: "only backups whose name, or whose volume's, is like this `PATTERN`: * is " +
					"anything, ? one character"},
			&cli.StringFlag{Name: "project",
				Usage: "only backups of volumes of the project with this `ID`"},
			&cli.StringFlag{Name: "state",
				Usage: "only backups in this `STATE`: complete, broken, incomplete, damaged (by " +
					"what verify found), or some of them with commas"},
			&cli.StringFlag{Name: "since",
				Usage: "only backups made at this `TIME` (\"help time\") or later"},
			&cli.StringFlag{Name: "min-size",
				Usage: "only backups of volumes of this `SIZE` or more"},
			&cli.BoolFlag{Name: "all", Usage: "incomplete backups too (Cinder did not finish them)",
				DisableDefaultText: true},
			&cli.StringFlag{Name: "sort", DefaultText: "volumes by their ids",
				Usage: "volumes in the `ORDER` name, time (newest backup last) or size " +
					"(largest first)"},
			&cli.StringFlag{Name: "format", Value: "table",
				Usage: "`FORMAT` is table, json (as --json) or csv"},
			&cli.BoolFlag{Name: "graph", DisableDefaultText: true,
				Usage: "in the table, draw each backup below the one that it is an increment of"},
			recordFlag(recordShown),
			lookFlag(0,
				"also look at each disk for this `TIME` at most, such as 10s: its partitions, "+
					"file systems, and whether it was in use; this reads the backups"),
		},
		Action: runList,
	}
}

func runList(c *cli.Context) error {
	o := commonOf(c)
	if err := cmdline.WantArgs(o.command, o.args, listedBy(o.arg(0))); err != nil {
		return err
	}
	how := inspect.ListOptions{
		Console: o.Console, Source: o.source(), Volume: c.String("volume"), Sort: c.String("sort"),
		Graph: c.Bool("graph"), Look: c.Duration("look"), Record: o.record,
	}
	how.Project = c.String("project")
	err := listWords{
		format: c.String("format"), all: c.Bool("all"), state: c.String("state"),
		name: c.String("name"), since: c.String("since"), minSize: c.String("min-size"),
	}.parse(&how, o.given.Has("format"))
	if err != nil {
		return cmdline.WrongUsage(err)
	}
	process.KeepSmall()
	return inspect.List(c.Context, how)
}

// listedBy says by which flag list takes what was given as an argument.
func listedBy(word string) string {
	flag := "--volume"
	if strings.ContainsAny(word, "*?") {
		flag = "--name"
	}
	return fmt.Sprintf(": did you mean restorefs list %s %s?", flag, wording.ShellWord(word))
}

// listWords are the values of flags as they were given, which are to be parsed.
type listWords struct {
	format, state, name, since, minSize string
	all                                 bool
}

// parse parses them, and checks the flags. formatted says that --format was given.
func (w listWords) parse(o *inspect.ListOptions, formatted bool) error {
	switch format := w.format; {
	case format != "table" && format != "json" && format != "csv":
		return fmt.Errorf("--format %s: it is table, json or csv", format)
	case o.JSON && formatted && format != "json":
		return fmt.Errorf("--json and --format %s are two things: say one", format)
	default:
		o.JSON, o.CSV = o.JSON || format == "json", format == "csv"
	}
	switch {
	case o.Graph && (o.JSON || o.CSV):
		return errors.New("--graph is drawn in the table: it does not go with JSON or CSV")
	case o.Sort != report.ByVolume && o.Sort != report.ByName && o.Sort != report.ByTime &&
		o.Sort != report.BySize:
		return fmt.Errorf("--sort %s: it is name, time or size", o.Sort)
	}
	return w.parseFilter(&o.Filter)
}

// parseFilter parses which backups are listed.
func (w listWords) parseFilter(f *report.Filter) (err error) {
	if w.all {
		f.States = report.AnyState()
	}
	if text := w.state; text != "" {
		if err = f.ParseStates(text); err != nil {
			return err
		}
	}
	if text := w.name; text != "" {
		if f.Name, err = report.ParseGlob(text); err != nil {
			return fmt.Errorf("--name: %w", err)
		}
	}
	if f.Since, err = beginningOf("since", w.since); err != nil {
		return err
	}
	f.MinSize, err = sizeOf(w.minSize)
	return err
}
