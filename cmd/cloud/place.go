package cloud

import (
	"context"
	"fmt"

	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/materialize/cinderapi"
	"github.com/restorefs/restorefs/materialize/device"
)

// Place is where on this machine a volume's device appears: OnThisMachine or ByAttachment.
type Place interface {
	// Check checks whether devices can appear there at all, so that no volume is created in vain.
	Check(ctx context.Context) error
	// String describes the place.
	String() string

	// reserves reports whether the volume should be reserved in Cinder meanwhile.
	reserves() bool
	// find makes the device appear. It calls add with each undoing before the step to be undone,
	// which may fail half done.
	find(ctx context.Context, v device.Sought, add func(undoing),
		tell func(string)) (*device.Device, error)
}

// OnThisMachine is the place of volumes whose devices exist on this machine already, as on a
// storage node, or that a Finder maps.
func OnThisMachine(f device.Finder) Place { return here{f} }

// ByAttachment has Nova attach the volume to this machine, which must be the attacher's server, and
// detach it at the end.
func ByAttachment(a *cinderapi.Attacher) Place { return attached{a, &device.Attached{}} }

type here struct{ device.Finder }

func (here) reserves() bool { return true }

func (h here) find(ctx context.Context, v device.Sought, add func(undoing),
	_ func(string)) (*device.Device, error) {
	d, err := findDevice(ctx, h, v)
	if err != nil {
		return nil, err
	}
	if d.Mapped() {
		add(undoing{message: "unmapping " + d.Path, step: d.Release})
	}
	return d, nil
}

type attached struct {
	attacher *cinderapi.Attacher
	*device.Attached
}

// A reserved volume could not be attached, and others cannot take one that is attached.
func (attached) reserves() bool { return false }

func (a attached) String() string {
	s := a.attacher.Server
	return fmt.Sprintf("attached to this server, %s%s, then in %s", safetext.Printable(s.ID),
		quoted(s.Name), a.Attached)
}

func (a attached) find(ctx context.Context, v device.Sought, add func(undoing),
	tell func(string)) (*device.Device, error) {
	server := a.attacher.Server.ID
	already, err := a.attacher.Attached(ctx, v.ID)
	if err != nil {
		return nil, err
	}
	add(undoing{
		message:     fmt.Sprintf("detaching volume %s from server %s", v.ID, server),
		step:        func(ctx context.Context) error { return a.attacher.Detach(ctx, v.ID) },
		onlyIfBegun: already,
	})
	if !already {
		tell(fmt.Sprintf("attaching volume %s to server %s", v.ID, server))
		if err := a.attacher.Attach(ctx, v.ID); err != nil {
			return nil, err
		}
	}
	return findDevice(ctx, a, v)
}

func findDevice(ctx context.Context, f device.Finder, v device.Sought) (*device.Device, error) {
	d, err := f.Find(ctx, v)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("look for the device of volume %s: %w", v.ID, err)
	}
	return d, err
}
