package attended

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

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
func newCloudVolume(ctx context.Context, o Options, s *locate.Share) (*cloudVolume, error) {
	client, err := cinderapi.Connect(ctx, cinderapi.Options{
		Cloud: o.Cloud.Name, Logger: o.Source.Logger,
	})
	if err != nil {
		return nil, err
	}
	again := append([]string{"restorefs", o.Command, "--metadata-only"},
		o.Given.At(s.Places()...).Only(
			"share", "cinder-conf", "mount-options", "share-timeout", "os-cloud",
			"metadata-rule")...)
	return &cloudVolume{
		client: client, Console: o.Console, keeper: o.keeper(ctx, s), again: again,
	}, nil
}

// findCloudVolume logs in and looks at the volume of --volume. It returns nil without that flag.
// The caller closes it.
func findCloudVolume(ctx context.Context, o Options, s *locate.Share) (*cloudVolume, error) {
	how, err := o.destinationOptions()
	if err != nil {
		return nil, err
	}
	if o.Cloud.Volume == "" {
		for _, flag := range []string{"metadata-rule", "no-metadata", "os-cloud"} {
			if flag == "os-cloud" && o.Keys.FromCloud {
				continue
			}
			// OS_CLOUD alone does not ask for a volume.
			if o.Given.Has(flag) && !(flag == "os-cloud" && os.Getenv("OS_CLOUD") == o.Cloud.Name) {
				return nil, cmdline.Usagef("--%s is for a volume of the cloud: say which with "+
					"--volume ID, or --new-volume", flag)
			}
		}
		return nil, nil
	}
	v, err := newCloudVolume(ctx, o, s)
	if err != nil {
		return nil, err
	}
	id, err := v.named(ctx, o.Cloud.Volume)
	if err == nil {
		v.Destination, err = cloud.Find(ctx, v.client, id, how)
	}
	if err != nil {
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
func (v *cloudVolume) changes(ctx context.Context,
	b *backupstore.Backup) ([]cinderapi.Difference, error) {
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
	return &materialize.RefusedError{Target: target, Reasons: []materialize.Reason{{
		Kind: materialize.ReasonNotATarget,
		Text: "it is not there, and a volume's device or file is: is this the machine " +
			"that has it? " +
			"To restore to a new file, leave --volume out",
	}}}
}
