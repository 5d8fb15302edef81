package inspect

import (
	"context"
	"fmt"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/overlays"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/cmd/wording"
)

// ShowOptions are what the flags of show ask for.
type ShowOptions struct {
	console.Console
	Source  source.Options
	Backup  string        // as it was named
	Overlay string        // directory of overlays, "" for none
	Look    time.Duration // at the disk
	Script  bool          // that restores the volume's metadata, and nothing else
	Record  places.Record
}

// Show prints everything known about a backup.
func Show(ctx context.Context, o ShowOptions) error {
	catalog, _, err := source.Open(ctx, o.Source, backupstore.Options{})
	if err != nil {
		return err
	}
	defer catalog.Close()
	b, err := source.Find(catalog, o.Backup, o.Err)
	if err != nil {
		return err
	}
	if o.Script {
		return o.printScript(ctx, b)
	}
	record, err := b.Record(ctx)
	if err != nil {
		return err
	}
	s := report.NewShown(b, record.Volume)
	book, err := source.Proven(o.Record)
	if err != nil {
		return err
	}
	s.Proven = report.NewProven(book.Of(b))
	if o.Overlay != "" {
		written := overlays.Options{Dir: o.Overlay, Group: o.Source.Cache.Group}
		if s.Overlay, err = overlays.Of(written, b.ID); err != nil {
			return err
		}
	}
	if s.Disk, err = source.Look(ctx, catalog, b, o.Look); err != nil {
		return err
	}
	if o.JSON {
		return wording.WriteJSON(o.Out, s)
	}
	report.PrintShown(o.Out, s, o.Overlay)
	return nil
}

// printScript prints a script that restores the metadata of a backup's volume.
func (o ShowOptions) printScript(ctx context.Context, b *backupstore.Backup) error {
	if o.JSON {
		return cmdline.Usagef("--script and --json are two things: say one")
	}
	m, err := b.ReadVolumeMeta(ctx)
	if err != nil {
		return err
	}
	if m == nil {
		return fmt.Errorf("backup %s has no usable record of its volume's metadata: "+
			"there is nothing to make a script of", b.ID)
	}
	_, err = o.Out.Write(report.MetadataScript(b, m))
	return err
}
