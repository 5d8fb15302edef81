package cloud

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/cinderapi"
	"github.com/restorefs/restorefs/materialize/device"
)

// Options say what is restored to a volume, and how the caller is told.
type Options struct {
	// Rule is by which the volume's metadata is restored; "" means RuleBackup.
	Rule cinderapi.Rule
	// NoMetadata leaves the volume's metadata alone.
	NoMetadata bool
	// NoData restores the metadata alone: the volume may be too small, of another
	// encryption, or be in use.
	NoData bool
	// Server is the id of the server of the cloud that this machine is; "" asks the
	// metadata service, or DMI, where it matters.
	Server string
	// Cleanup deletes a new volume again when the restore to it fails.
	Cleanup bool

	// Tell is called with a line before a step that takes time or changes the cloud.
	// nil: nobody is told.
	Tell   func(line string)
	Advice Advice
	Logger *slog.Logger // nil discards
}

// Advice is what an operator can do, in the words of the program: its flags, or its
// buttons. It ends messages that are half a sentence without it; "" leaves it out.
type Advice struct {
	DataAlone  string // restore the data as if the device were no volume, then the metadata alone
	ThisServer string // say which server this machine is
	OwnDevice  string // say where the volume's device is
}

// Destination is the volume of a cloud that a backup is restored to. It belongs to
// one goroutine.
type Destination struct {
	Volume *cinderapi.Volume // as it was last looked at

	client *cinderapi.Client
	o      Options
	marked bool // by us, as reserved (cinderapi.ReservedKey)
}

// Find looks at a volume of the cloud by its id. The client must stay open as long
// as the Destination is used.
func Find(ctx context.Context, client *cinderapi.Client, id string, o Options) (*Destination, error) {
	d := newDestination(client, o)
	var err error
	if d.Volume, err = client.GetVolume(ctx, id); err != nil {
		return nil, err
	}
	return d, nil
}

func newDestination(client *cinderapi.Client, o Options) *Destination {
	if o.Rule == "" {
		o.Rule = cinderapi.RuleBackup
	}
	if o.Tell == nil {
		o.Tell = func(string) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Destination{client: client, o: o}
}

// String names the volume as the operator knows it.
func (d *Destination) String() string { return "volume " + d.Name() }

// Name is the volume's id, with its name behind it.
func (d *Destination) Name() string {
	if d.Volume.Name == nil {
		return d.Volume.ID
	}
	return d.Volume.ID + quoted(*d.Volume.Name)
}

// RestoresMetadata reports whether the volume's metadata is restored too.
func (d *Destination) RestoresMetadata() bool { return !d.o.NoMetadata }

// Rule is by which the metadata is restored.
func (d *Destination) Rule() cinderapi.Rule { return d.o.Rule }

// Data is the content of the backup's volume. backupstore's volumes are such.
type Data interface {
	Size() int64
	ReadAt(ctx context.Context, p []byte, off int64) error
}

// CheckNames refuses a device or file that says by one of its names or its serial
// number that it is another volume. The error is a *materialize.RefusedError.
func (d *Destination) CheckNames(path string) error {
	other := device.OtherVolume(path, d.Volume.ID)
	if other == nil {
		return nil
	}
	text := fmt.Sprintf("it is volume %s by the name %s, and the volume to restore to is %s", other.Volume, safetext.Printable(other.Name), d.Volume.ID)
	if advice := d.o.Advice.DataAlone; advice != "" {
		text += "; if Cinder migrated the volume, so that its device has another id, " + advice
	}
	return refusal(path, materialize.ReasonNotATarget, text)
}

// Prove looks whether what is at path, where the operator says that the volume is,
// has the size and the format of the volume. The error is a *device.WrongError, or
// fs.ErrNotExist, or tells what failed.
func (d *Destination) Prove(ctx context.Context, path string, data Data) (*device.Device, error) {
	wanted, err := d.wanted(ctx, data, false)
	if err != nil {
		return nil, err
	}
	found, err := device.Prove(ctx, path, wanted)
	wrong, ok := errors.AsType[*device.WrongError](err)
	if advice := d.o.Advice.DataAlone; ok && wrong.TooLarge && advice != "" {
		wrong.Reason += "; if it is the volume all the same, because its storage rounds sizes up, " + advice
	}
	return found, err
}

// wanted is what the device of the volume must be; created says that the volume was
// created just now.
func (d *Destination) wanted(ctx context.Context, data Data, created bool) (device.Volume, error) {
	v := d.Volume
	w := device.Volume{ID: v.ID, SizeGiB: v.SizeGiB, Encrypted: v.Encrypted, MayBeCut: !created}
	if v.Encrypted {
		const qcow2Magic = "QFI\xfb"
		var head [len(qcow2Magic)]byte
		if err := data.ReadAt(ctx, head[:], 0); err != nil {
			return w, err
		}
		w.Qcow2 = string(head[:]) == qcow2Magic
	}
	return w, nil
}

// quoted is a name behind a space, "" for none.
func quoted(name string) string {
	if name == "" {
		return ""
	}
	const longest = 255 // that Cinder takes
	return ` "` + safetext.Printable(safetext.Cut(name, longest)) + `"`
}

func refusal(target string, kind materialize.ReasonKind, text string) error {
	return &materialize.RefusedError{Target: target, Reasons: []materialize.Reason{{Kind: kind, Text: text}}}
}
