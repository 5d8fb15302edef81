package main

import (
	"context"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/materialize/cinderapi"
	"github.com/restorefs/restorefs/materialize/device"
)

// place is where on this machine the volume's device comes to be.
type place interface {
	Check(context.Context) error
	String() string
	// reserves says whether the volume should be reserved in Cinder meanwhile.
	reserves() bool
	// find has the device appear. What is to be undone is added before it is
	// done: it may come to be half done.
	find(ctx context.Context, v device.Volume, undo func(undoing)) (*device.Device, error)
}

// choosePlace is the one of --device-path or, where that is nil, --attach.
func choosePlace(c *cli.Context, client *cinderapi.Client, f device.Finder) (place, error) {
	if f != nil {
		return here{f}, nil
	}
	id, from := c.String("server"), "--server"
	if id == "" {
		var err error
		if id, err = (cinderapi.Here{}).ServerID(c.Context); err != nil {
			return nil, fmt.Errorf("%w; say it with --server ID, if this machine is a server of the cloud; else use --device-path", err)
		}
		from = "this machine"
	}
	a, err := client.NewAttacher(c.Context, id)
	if err != nil {
		return nil, fmt.Errorf("--attach to server %s (%s): %w", printable(id), from, err)
	}
	return attached{a, &device.Attached{}, c.App.ErrWriter}, nil
}

// here is a machine on which volumes show by themselves.
type here struct{ device.Finder }

func (here) reserves() bool { return true }

func (h here) find(ctx context.Context, v device.Volume, undo func(undoing)) (*device.Device, error) {
	d, err := findDevice(ctx, h, v)
	if err != nil {
		return nil, err
	}
	if d.Mapped() {
		undo(undoing{doing: "unmapping " + d.Path, step: d.Release})
	}
	return d, nil
}

// attached is a server of the cloud.
type attached struct {
	attacher *cinderapi.Attacher
	*device.Attached
	messages io.Writer
}

// A reserved volume could not be attached; an attached one is safe from others.
func (attached) reserves() bool { return false }

func (a attached) String() string {
	s := a.attacher.Server
	return printable(fmt.Sprintf("attached to this server, %s%s, then in %s", s.ID, quoted(s.Name), a.Attached))
}

func (a attached) find(ctx context.Context, v device.Volume, undo func(undoing)) (*device.Device, error) {
	server := a.attacher.Server.ID
	already, err := a.attacher.Attached(ctx, v.ID)
	if err != nil {
		return nil, err
	}
	doing := fmt.Sprintf("detaching volume %s from server %s", v.ID, server)
	undo(undoing{doing, func(ctx context.Context) error { return a.attacher.Detach(ctx, v.ID) }, already})
	if !already {
		fmt.Fprintf(a.messages, "attaching volume %s to server %s\n", v.ID, server)
		if err := a.attacher.Attach(ctx, v.ID); err != nil {
			return nil, err
		}
	}
	return findDevice(ctx, a, v)
}

func findDevice(ctx context.Context, f device.Finder, v device.Volume) (*device.Device, error) {
	d, err := f.Find(ctx, v)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("look for the device of volume %s: %w", v.ID, err)
	}
	return d, err
}
