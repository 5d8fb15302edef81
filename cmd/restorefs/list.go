package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/cmd/wording"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list the backups on the share, oldest first by volume",
		Flags: []cli.Flag{
			shareFlag(), jsonFlag(),
			&cli.StringFlag{Name: "volume",
				Usage: "only backups of the `VOLUME` with this id, the start of it, or this name"},
			lookFlag(0,
				"also look at each disk for that long at most, such as 10s: its partitions, file "+
					"systems, and whether it was in use; this reads the backups"),
			&cli.BoolFlag{Name: "all", Usage: "incomplete backups too (Cinder did not finish them)",
				DisableDefaultText: true},
		},
		Action: runList,
	}
}

// listOptions are what the flags of list ask for.
type listOptions struct {
	common
	volume string        // only backups of the volumes that this could name
	all    bool          // incomplete ones too
	look   time.Duration // at each disk
}

func runList(c *cli.Context) error {
	return list(c.Context, listOptions{
		common: commonOf(c), volume: c.String("volume"), all: c.Bool("all"),
		look: c.Duration("look"),
	})
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
	volumes, err := o.volumes(catalog)
	if err != nil {
		return err
	}
	var shown []*backupstore.Backup
	hidden := 0
	for _, b := range all {
		switch {
		case o.volume != "" && !volumes[b.VolumeID]:
		case b.State == backupstore.Incomplete && !o.all:
			hidden++
		default:
			shown = append(shown, b)
		}
	}
	disks := map[*backupstore.Backup]*report.Disk{}
	for _, b := range shown {
		if disks[b], err = source.Look(ctx, catalog, b, o.look); err != nil {
			return err
		}
	}
	if err := o.printList(shown, report.VolumeNames(all), disks); err != nil {
		return err
	}
	if hidden > 0 && !o.JSON {
		fmt.Fprintf(o.Err, "%d incomplete, not shown (--all)\n", hidden)
	}
	return nil
}

// volumes returns the ids of the volumes that --volume names. All that it could mean are listed:
// that is how the operator finds out which one it is.
func (o listOptions) volumes(catalog *backupstore.Catalog) (map[string]bool, error) {
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
	report.PrintList(out, backups, names, disks)
	return out.Flush()
}
