package inspect

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/proven"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/cmd/wording"
)

// ListOptions are what the flags of list ask for.
type ListOptions struct {
	console.Console
	Source source.Options
	report.Filter
	Volume string // only backups of the volumes that this could name
	Sort   string // see [report.Sort]
	CSV    bool
	Graph  bool
	Look   time.Duration // at each disk
	Record places.Record

	book *proven.Book
}

// List lists the backups on the share.
func List(ctx context.Context, o ListOptions) (err error) {
	catalog, _, err := source.Open(ctx, o.Source, backupstore.Options{Once: true})
	if err != nil {
		return err
	}
	defer catalog.Close()
	if o.book, err = source.Proven(o.Record); err != nil {
		return err
	}
	all := catalog.Backups()
	defer func() { err = errors.Join(err, source.WholeShare(catalog, len(all))) }()
	if o.Volumes, err = volumesNamed(catalog, o.Volume, o.Err); err != nil {
		if o.JSON {
			err = errors.Join(err, o.print(nil, nil, nil))
		}
		return err
	}
	names := report.VolumeNames(all)
	var shown []*backupstore.Backup
	hidden := 0
	for _, b := range all {
		switch {
		case !o.Has(b, names[b.VolumeID]):
		case !o.HasState(b.State, o.book.Of(b)):
			hidden++
		default:
			shown = append(shown, b)
		}
	}
	report.Sort(shown, names, o.Sort)
	disks := map[*backupstore.Backup]*report.Disk{}
	for _, b := range shown {
		disk, err := source.Look(ctx, catalog, b, o.Look)
		if err != nil {
			return err
		}
		if disk != nil {
			disks[b] = disk
		}
	}
	if err := o.print(shown, names, disks); err != nil {
		return err
	}
	o.tellHidden(all, len(shown), hidden)
	return nil
}

// tellHidden says what is not listed.
func (o ListOptions) tellHidden(all []*backupstore.Backup, shown, hidden int) {
	switch {
	case o.JSON || o.CSV:
	case hidden > 0 && o.States == nil:
		fmt.Fprintf(o.Err, "%d incomplete, not shown (--all)\n", hidden)
	case shown == 0 && len(all) > 0 && o.Damaged:
		fmt.Fprintf(o.Err, "none of %s is like that, as far as is known: \"restorefs verify\" "+
			"reads them and finds damage\n", wording.Count(len(all), "backup"))
	case shown == 0 && len(all) > 0:
		fmt.Fprintf(o.Err, "none of %s is like that%s\n", wording.Count(len(all), "backup"),
			report.Projects(all, o.Project))
	}
}

// print prints backups, with the names of their volumes and what is on some disks.
func (o ListOptions) print(backups []*backupstore.Backup, names map[string][]string,
	disks map[*backupstore.Backup]*report.Disk) error {
	if o.CSV {
		return report.WriteCSV(o.Out, backups, o.book)
	}
	out := bufio.NewWriter(o.Out)
	listing := report.Listing{
		Backups: backups, Names: names, Disks: disks, Now: time.Now(), Graph: o.Graph,
		Colour: console.Colour(), Proven: o.book,
	}
	if o.JSON {
		return errors.Join(listing.WriteJSON(out), out.Flush())
	}
	listing.Print(out)
	return out.Flush()
}
