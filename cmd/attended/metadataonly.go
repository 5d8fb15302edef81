package attended

import (
	"context"
	"errors"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// plannedMetadata is the JSON of --metadata-only --dry-run; its fields are a
// contract.
type plannedMetadata struct {
	Backup  string                 `json:"backup"`
	Changes []cinderapi.Difference `json:"metadata_changes"`
	Volume  string                 `json:"volume"`
}

// restoredMetadata is the JSON of --metadata-only; its fields are a contract.
type restoredMetadata struct {
	Backup string          `json:"backup"`
	Volume *RestoredVolume `json:"volume"`
}

// metadataOnly is materialize --metadata-only.
func metadataOnly(ctx context.Context, o Options) error {
	if n := len(o.Args); n != 1 && n != 2 {
		return cmdline.Usagef("%s --metadata-only takes BACKUP, %s given", o.Command,
			wording.Count(n, "argument"))
	}
	if _, err := o.destinationOptions(); err != nil {
		return err
	}
	catalog, s, err := source.Open(ctx, o.Source, backupstore.Options{})
	if err != nil {
		return err
	}
	defer catalog.Close()
	b, err := source.Find(catalog, o.Backup, o.Err)
	if err != nil {
		return err
	}
	v, err := findCloudVolume(ctx, o, s)
	if err != nil {
		return err
	}
	defer v.close()
	if len(o.Args) == 2 {
		if err := v.CheckNames(o.Target); err != nil {
			return err
		}
	}
	if err := v.Check(ctx, b); err != nil {
		return err
	}
	if o.DryRun {
		changes, err := v.Changes(ctx, b)
		if err != nil {
			return err
		}
		if o.JSON {
			return wording.WriteJSON(o.Out, plannedMetadata{b.ID, changes, v.Volume.ID})
		}
		printChanges(o.Out, changes)
		return nil
	}
	out, err := v.restoreMetadata(ctx, b, "")
	if o.JSON {
		err = errors.Join(err, wording.WriteJSON(o.Out, restoredMetadata{b.ID, out}))
	}
	return err
}
