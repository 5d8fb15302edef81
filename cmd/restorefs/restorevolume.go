package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/restore"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// volumeFlags are the flags of materialize about a volume of a cloud.
func volumeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "volume", Usage: "TARGET is the cloud's volume `ID`: restore its name, metadata and more too"},
		&cli.StringFlag{Name: "metadata-rule", Value: string(cinderapi.RuleBackup),
			Usage: "`RULE` for a volume's metadata: backup (as it was when the backup was made) or cinder (as Cinder's own restore does it)"},
		&cli.BoolFlag{Name: "no-metadata", Usage: "with a volume of the cloud: check it, but leave its metadata alone", DisableDefaultText: true},
		&cli.BoolFlag{Name: "metadata-only", Usage: "with --volume: restore its metadata, no data; TARGET is not needed", DisableDefaultText: true},
		cloudFlag(),
	}
}

// cloudVolume is the cloud's volume that a backup is restored to, with what it takes to report on
// it.
type cloudVolume struct {
	*cloud.Destination
	client *cinderapi.Client
	console.Console
	keeper restore.Keeper
	again  []string // command for the metadata alone, without volume and backup
}

// newCloudVolume logs in. The caller closes it.
func newCloudVolume(ctx context.Context, o materializeOptions, s *locate.Share) (*cloudVolume, error) {
	client, err := o.connect(ctx, o.cloud.name)
	if err != nil {
		return nil, err
	}
	again := append([]string{"restorefs", "materialize", "--metadata-only"},
		o.given.At(s.Place()).Only("share", "cinder-conf", "mount-options", "os-cloud", "metadata-rule")...)
	return &cloudVolume{client: client, Console: o.Console, keeper: o.keeper(ctx, s), again: again}, nil
}

// findCloudVolume logs in and looks at the volume of --volume. It returns nil without that flag.
// The caller closes it.
func findCloudVolume(ctx context.Context, o materializeOptions, s *locate.Share) (*cloudVolume, error) {
	how, err := o.cloudOptions()
	if err != nil {
		return nil, err
	}
	if o.cloud.volume == "" {
		for _, flag := range []string{"metadata-rule", "no-metadata", "os-cloud"} {
			// OS_CLOUD alone does not ask for a volume.
			if o.given.Has(flag) && !(flag == "os-cloud" && os.Getenv("OS_CLOUD") == o.cloud.name) {
				return nil, cmdline.Usagef("--%s is for a volume of the cloud: say which with --volume ID, or --new-volume", flag)
			}
		}
		return nil, nil
	}
	v, err := newCloudVolume(ctx, o, s)
	if err != nil {
		return nil, err
	}
	if v.Destination, err = cloud.Find(ctx, v.client, o.cloud.volume, how); err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

func (v *cloudVolume) close() {
	if v != nil {
		v.client.Close()
	}
}

// restoresMetadata reports whether a volume's metadata is restored too.
func (v *cloudVolume) restoresMetadata() bool { return v != nil && v.RestoresMetadata() }

// describe returns the line that the operator confirms.
func (v *cloudVolume) describe() string {
	text := fmt.Sprintf("%s, %d GiB, %s", v.Name(), v.Volume.SizeGiB, v.Volume.Status)
	if !v.RestoresMetadata() {
		text += "; its metadata stays"
	}
	return wording.Printable(text)
}

// changes returns how the metadata of a volume would be changed.
func (v *cloudVolume) changes(ctx context.Context, b *backupstore.Backup) ([]cinderapi.Difference, error) {
	if v == nil {
		return nil, nil
	}
	return v.Changes(ctx, b)
}

// printNotes prints notes about a volume, and if err is not nil that its metadata will not be
// restored.
func printNotes(w io.Writer, notes []string, err error) {
	for _, n := range noteLines(notes, err) {
		fmt.Fprintf(w, "note    %s\n", wording.Printable(n))
	}
}

func noteLines(notes []string, err error) []string {
	if err != nil {
		return append(notes, "its metadata will not be restored: "+exitcode.Explain(err))
	}
	return notes
}

// volumeMissing is the error for a TARGET that should be a volume but does not exist. err may also
// be about an object of the backup that does not exist.
func volumeMissing(target string, err error) error {
	if _, at := os.Stat(target); !errors.Is(err, fs.ErrNotExist) || !errors.Is(at, fs.ErrNotExist) {
		return err
	}
	return &materialize.RefusedError{Target: target, Reasons: []materialize.Reason{{Kind: materialize.ReasonNotATarget,
		Text: "it is not there, and a volume's device or file is: is this the machine that has it? To restore to a new file, leave --volume out"}}}
}

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
	Volume *restoredVolume `json:"volume"`
}

// metadataOnly is materialize --metadata-only.
func metadataOnly(ctx context.Context, o materializeOptions) error {
	if n := len(o.args); n != 1 && n != 2 {
		return cmdline.Usagef("materialize --metadata-only takes BACKUP, %s given", wording.Count(n, "argument"))
	}
	if _, err := o.cloudOptions(); err != nil {
		return err
	}
	catalog, s, err := o.open(ctx, backupstore.Options{})
	if err != nil {
		return err
	}
	defer catalog.Close()
	b, err := catalog.Find(o.backup)
	if err != nil {
		return err
	}
	v, err := findCloudVolume(ctx, o, s)
	if err != nil {
		return err
	}
	defer v.close()
	if len(o.args) == 2 {
		if err := v.CheckNames(o.target); err != nil {
			return err
		}
	}
	if err := v.Check(ctx, b); err != nil {
		return err
	}
	if o.dryRun {
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
