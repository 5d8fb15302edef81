package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/source"
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
				Usage: "only backups in this `STATE`: complete, broken, incomplete, " +
					"or some of them " +
					"with commas"},
			&cli.StringFlag{Name: "since",
				Usage: "only backups made at this `TIME` (as in BACKUP) or later"},
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
			lookFlag(0,
				"also look at each disk for that long at most, such as 10s: its partitions, file "+
					"systems, and whether it was in use; this reads the backups"),
		},
		Action: runList,
	}
}

// listOptions are what the flags of list ask for.
type listOptions struct {
	common
	report.Filter
	volume string // only backups of the volumes that this could name
	sort   string
	csv    bool
	graph  bool
	look   time.Duration // at each disk
}

func runList(c *cli.Context) error {
	o := listOptions{
		common: commonOf(c), volume: c.String("volume"), sort: c.String("sort"),
		graph: c.Bool("graph"), look: c.Duration("look"),
	}
	o.Project = c.String("project")
	err := o.parse(listWords{
		format: c.String("format"), all: c.Bool("all"), state: c.String("state"),
		name: c.String("name"), since: c.String("since"), minSize: c.String("min-size"),
	})
	if err != nil {
		return cmdline.WrongUsage(err)
	}
	return list(c.Context, o)
}

// listWords are the values of flags as they were given, which are to be parsed.
type listWords struct {
	format, state, name, since, minSize string
	all                                 bool
}

// parse checks the flags, and parses those whose values have forms.
func (o *listOptions) parse(given listWords) error {
	switch format := given.format; {
	case format != "table" && format != "json" && format != "csv":
		return fmt.Errorf("--format %s: it is table, json or csv", format)
	case o.JSON && o.given.Has("format") && format != "json":
		return fmt.Errorf("--json and --format %s are two things: say one", format)
	default:
		o.JSON, o.csv = o.JSON || format == "json", format == "csv"
	}
	switch {
	case o.graph && (o.JSON || o.csv):
		return errors.New("--graph is drawn in the table: it does not go with JSON or CSV")
	case o.sort != report.ByVolume && o.sort != report.ByName && o.sort != report.ByTime &&
		o.sort != report.BySize:
		return fmt.Errorf("--sort %s: it is name, time or size", o.sort)
	}
	return o.parseFilter(given)
}

// parseFilter parses which backups are listed.
func (o *listOptions) parseFilter(given listWords) (err error) {
	if given.all {
		o.States = report.AnyState()
	}
	if text := given.state; text != "" {
		if o.States, err = report.ParseStates(text); err != nil {
			return err
		}
	}
	if text := given.name; text != "" {
		if o.Name, err = report.ParseGlob(text); err != nil {
			return fmt.Errorf("--name: %w", err)
		}
	}
	if text := given.since; text != "" {
		span, err := backupstore.ParseTime(text, time.Now())
		if err != nil {
			return fmt.Errorf("--since: %w", err)
		}
		o.Since = span.From
	}
	o.MinSize, err = sizeOf(given.minSize)
	return err
}

func list(ctx context.Context, o listOptions) (err error) {
	if err := o.wantArgs(); err != nil {
		return err
	}
	catalog, _, err := o.open(ctx, backupstore.Options{})
	if err != nil {
		return err
	}
	defer catalog.Close()
	all := catalog.Backups()
	defer func() { err = errors.Join(err, source.WholeShare(catalog, len(all))) }()
	if o.Volumes, err = o.volumesNamed(catalog); err != nil {
		return err
	}
	names := report.VolumeNames(all)
	var shown []*backupstore.Backup
	hidden := 0
	for _, b := range all {
		switch {
		case !o.Has(b, names[b.VolumeID]):
		case !o.HasState(b.State):
			hidden++
		default:
			shown = append(shown, b)
		}
	}
	report.Sort(shown, names, o.sort)
	disks := map[*backupstore.Backup]*report.Disk{}
	for _, b := range shown {
		if disks[b], err = source.Look(ctx, catalog, b, o.look); err != nil {
			return err
		}
	}
	if err := o.printList(shown, names, disks); err != nil {
		return err
	}
	o.tellHidden(len(all), len(shown), hidden)
	return nil
}

// tellHidden says what is not listed.
func (o listOptions) tellHidden(all, shown, hidden int) {
	switch {
	case o.JSON || o.csv:
	case hidden > 0 && o.States == nil:
		fmt.Fprintf(o.Err, "%d incomplete, not shown (--all)\n", hidden)
	case shown == 0 && all > 0:
		fmt.Fprintf(o.Err, "none of %s is like that\n", wording.Count(all, "backup"))
	}
}

// volumesNamed returns the ids of the volumes that --volume names. All that it could mean are
// listed: that is how the operator finds out which one it is.
func (o listOptions) volumesNamed(catalog *backupstore.Catalog) (map[string]bool, error) {
	if o.volume == "" || len(catalog.Backups()) == 0 {
		return nil, nil
	}
	found, err := catalog.LookupVolume(o.volume)
	source.Tell(o.Err, found.Notes)
	ids := map[string]bool{found.ID: true}
	if many, ok := errors.AsType[*backupstore.AmbiguousError](err); ok {
		err = nil
		for _, b := range many.Candidates {
			ids[b.VolumeID] = true
		}
	}
	if err != nil && o.JSON {
		err = errors.Join(err, o.printList(nil, nil, nil))
	}
	return ids, err
}

// printList prints backups, with the names of their volumes and what is on some disks.
func (o listOptions) printList(backups []*backupstore.Backup, names map[string][]string,
	disks map[*backupstore.Backup]*report.Disk) error {
	if o.csv {
		return report.WriteCSV(o.Out, backups)
	}
	if o.JSON {
		out := []report.Backup{}
		for _, b := range backups {
			l := report.NewBackup(b)
			l.Disk = disks[b]
			out = append(out, l)
		}
		return wording.WriteJSON(o.Out, out)
	}
	out := bufio.NewWriter(o.Out)
	report.Listing{
		Backups: backups, Names: names, Disks: disks, Now: time.Now(), Graph: o.graph,
		Colour: console.Colour(),
	}.Print(out)
	return out.Flush()
}
