package live

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs"
	"github.com/restorefs/restorefs/materialize/live"
	"github.com/restorefs/restorefs/materialize/live/mapper"
)

// Aborted is the JSON of --abort; its fields are a contract.
type Aborted struct {
	Status
	DeviceIs string `json:"device_is"` // in words
}

// abort ends a restore that nobody is at: what shows the volume goes, and the state file.
func abort(ctx context.Context, o Options) error {
	_, device, err := o.backupAndDevice()
	if err != nil {
		return err
	}
	p, is, err := o.toAbort(device)
	if err != nil {
		return err
	}
	// Nobody goes on with it while the question is open, or finds half of it gone.
	release, err := live.Lock(p.state)
	if err != nil {
		return fmt.Errorf("%s: %w: end that first", device, err)
	}
	defer release()
	if err := o.Ask(ctx, "End the restore, and forget what of it is valid?", "nothing was changed",
		"to end the restore to "+device); err != nil {
		return err
	}
	if err := unmap(ctx, p.known); err != nil {
		return err
	}
	if err := clearLeft(ctx, p.state+mountSuffix); err != nil {
		return err
	}
	if err := live.Remove(p.state); err != nil {
		return err
	}
	if o.JSON {
		return wording.WriteJSON(o.Out, Aborted{statusOf(p.known, p.state), is})
	}
	_, err = fmt.Fprintf(o.Out, "ended; %s: %s\n", wording.Printable(device), is)
	return err
}

// toAbort finds the restore that is to be ended, and says what its device is.
func (o Options) toAbort(device string) (p place, is string, err error) {
	p, err = o.find(device)
	switch {
	case errors.Is(err, live.ErrForeign):
		return p, "", fmt.Errorf("%w: nothing is taken away; remove it yourself if it is to go",
			err)
	case errors.Is(err, live.ErrDamaged), errors.Is(err, live.ErrVersion):
		fmt.Fprintf(o.Err, "note    %s\n", wording.Printable(err.Error()))
		return p, "nobody knows what it has: the state file is damaged", nil
	case err != nil:
		return p, "", err
	case !p.begun:
		return p, "", cmdline.Usagef("no live restore to %s was begun: there is no state file %s",
			device, p.state)
	case p.known.Running:
		return p, "", fmt.Errorf("%s: %w%s: end that first", device, live.ErrInUse,
			p.known.Process)
	}
	is = p.known.Phase.Device()
	fmt.Fprintf(o.Err, "%s: %s; %s\n", wording.Printable(device),
		statusOf(p.known, p.state), is)
	return p, is, nil
}

// clearLeft takes away the mount, and its directory, of a process that was killed.
func clearLeft(ctx context.Context, dir string) error {
	err := fusefs.Unmount(ctx, dir, fusefs.UnmountOptions{Lazy: true})
	if err != nil && !errors.Is(err, fusefs.ErrNotMounted) && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// unmap removes the device of the mapper, if there is one that nobody uses.
func unmap(ctx context.Context, known live.Status) error {
	if known.Mapper == "" || mapper.Check(ctx) != nil {
		return nil
	}
	dm := mapper.Device{Name: known.Mapper, ID: known.ID}
	info, there, err := dm.Find(ctx)
	switch {
	case errors.Is(err, mapper.ErrForeign), err == nil && !there:
		return nil
	case err != nil:
		return err
	case known.Phase.Ended(): // it shows the device itself
		return nil
	case info.Open > 0:
		return fmt.Errorf("%s is in use: end what uses it first", mapper.Path(dm.Name))
	}
	return dm.Remove(ctx)
}
