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

// Options say what is restored to a volume, and how the caller is informed.
type Options struct {
	// Rule is the rule by which the volume's metadata is restored; "" means RuleBackup.
	Rule cinderapi.Rule
	// NoMetadata leaves the volume's metadata alone.
	NoMetadata bool
	// NoData restores the metadata alone, also of a volume that is too small, has another
	// encryption, or is in use.
	NoData bool
	// Server is the cloud's id of the server that this machine is; "" asks the metadata service or
	// DMI if it matters.
	Server string
	// Cleanup deletes a new volume again when the restore to it fails.
	Cleanup bool

	// Tell is called with a line before each step that takes time or changes the cloud. nil
	// discards the lines.
	Tell   func(line string)
	Advice Advice
	Logger *slog.Logger // nil discards
}

// Advice is what an operator can do, in the words of the program: its flags or its buttons. It
// completes messages; "" leaves that part out.
type Advice struct {
	DataAlone  string // restore the data as if to no volume, then the metadata alone
	ThisServer string // say which server this machine is
	OwnDevice  string // say where the volume's device is
	OtherType  string // choose the type of a new volume
}

// Destination is the volume of a cloud that a backup is restored to. It belongs to
// one goroutine.
type Destination struct {
	Volume *cinderapi.Volume // as it was last seen

	client *cinderapi.Client
	o      Options
	marked bool // with cinderapi.ReservedKey by this run, as far as is known
}

// Find looks up a volume of the cloud by its id. The client must stay open while the Destination is
// used.
func Find(ctx context.Context, client *cinderapi.Client, id string,
	o Options) (*Destination, error) {
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

// Name returns the volume's id, followed by its name if it has one.
func (d *Destination) Name() string {
	if d.Volume.Name == nil {
		return d.Volume.ID
	}
	return d.Volume.ID + quoted(*d.Volume.Name)
}

// RestoresMetadata reports whether the volume's metadata is restored too.
func (d *Destination) RestoresMetadata() bool { return !d.o.NoMetadata }

// Rule returns the rule by which the metadata is restored.
func (d *Destination) Rule() cinderapi.Rule { return d.o.Rule }

// Data is the content of the backup's volume, such as a *backupstore.Volume.
type Data interface {
	Size() int64
	ReadAt(ctx context.Context, p []byte, off int64) error
}

// CheckNames refuses a device or file whose names or serial number are those of another volume. The
// error is a *materialize.RefusedError.
func (d *Destination) CheckNames(path string) error {
	other := device.OtherVolume(path, d.Volume.ID)
	if other == nil {
		return nil
	}
	text := fmt.Sprintf("it is volume %s by the name %s, and the volume to restore to is %s",
		other.Volume, safetext.Printable(other.Name), d.Volume.ID)
	if advice := d.o.Advice.DataAlone; advice != "" {
		text += "; if Cinder migrated the volume, so that its device has another id, " + advice
	}
	return refusal(path, materialize.ReasonNotATarget, text)
}

// Prove checks that the device or file at path, which the operator says is the volume, has its size
// and format. If not, the error is a *device.WrongError. It wraps fs.ErrNotExist if there is
// nothing at path.
func (d *Destination) Prove(ctx context.Context, path string, data Data) (*device.Device, error) {
	wanted, err := d.wanted(ctx, data, false)
	if err != nil {
		return nil, err
	}
	found, err := device.Prove(ctx, path, wanted)
	wrong, ok := errors.AsType[*device.WrongError](err)
	if advice := d.o.Advice.DataAlone; ok && wrong.TooLarge && advice != "" {
		wrong.Reason += "; if it is the volume all the same, because its storage " +
			"rounds sizes up, " + advice
	}
	return found, err
}

// wanted returns what the device of the volume must be like; created says that this run created the
// volume.
func (d *Destination) wanted(ctx context.Context, data Data, created bool) (device.Sought, error) {
	v := d.Volume
	w := device.Sought{ID: v.ID, SizeGiB: v.SizeGiB, Encrypted: v.Encrypted, MayBeCut: !created}
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

// quoted returns a space and the name in quotes, "" for no name.
func quoted(name string) string {
	if name == "" {
		return ""
	}
	const longest = 255 // name that Cinder accepts
	return ` "` + safetext.Printable(safetext.Cut(name, longest)) + `"`
}

func refusal(target string, kind materialize.ReasonKind, text string) error {
	return &materialize.RefusedError{Target: target,
		Reasons: []materialize.Reason{{Kind: kind, Text: text}}}
}
