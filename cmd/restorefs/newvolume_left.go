package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// left tells what a restore that failed leaves behind, and how to continue or to
// remove it; with --cleanup it removes the volume that it created.
func (d *delivery) left(ctx context.Context, err, back error) error {
	err = errors.Join(err, back)
	v := d.cloud.volume
	if v == nil || !d.fresh && !d.begun {
		return err // there is nothing, or its creation said how to look for it; or nothing was written
	}
	var b strings.Builder
	if d.c.Bool("cleanup") {
		switch gone := d.cleanUp(ctx, back); {
		case gone == nil:
			return fmt.Errorf("%w\nvolume %s, created for this restore, is deleted again (--cleanup)", err, v.ID)
		case gone != errNotNow:
			fmt.Fprintf(&b, "\n--cleanup could not delete volume %s: %v", v.ID, gone)
		}
	}
	status := d.status(ctx)
	made := ""
	if d.fresh {
		made = ", created for this restore,"
	}
	fmt.Fprintf(&b, "\nvolume %s%s is there (%s, %d GiB), but not restored", v.ID, made, printable(status), v.SizeGiB)
	if !strings.HasPrefix(status, "error") {
		fmt.Fprintf(&b, "\n  to continue:  %s", d.again())
	}
	if d.fresh {
		fmt.Fprintf(&b, "\n  to remove it: openstack volume delete %s", v.ID)
	}
	return fmt.Errorf("%w%s", err, b.String())
}

// status is the volume's now, or as it was last seen.
func (d *delivery) status(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if now, err := d.cloud.client.GetVolume(ctx, d.cloud.volume.ID); err == nil {
		return now.Status
	}
	return d.cloud.volume.Status
}

// errNotNow says that what is still attached or mapped is not deleted.
var errNotNow = errors.New("not now")

// cleanUp deletes the volume that this run created, and nothing else.
func (d *delivery) cleanUp(ctx context.Context, back error) error {
	if !d.fresh || d.restored || back != nil {
		return errNotNow
	}
	fmt.Fprintf(d.c.App.ErrWriter, "deleting volume %s (--cleanup)\n", d.cloud.volume.ID)
	if err := d.cloud.client.DeleteCreated(ctx, d.cloud.volume.ID, d.run); err != nil {
		return err
	}
	if d.note != "" {
		os.Remove(d.note) // that it was being written is of no interest any more
	}
	return nil
}

// again is the command that continues: this one, with the volume that is there.
func (d *delivery) again() string {
	// The note of an interrupted run is lost with a device that comes anew.
	noted := d.found == nil || d.found.Lasting || !d.begun
	return d.o.given.continuing(noted, []string{"new-volume", "type", "availability-zone", "name", "size", "cleanup", "volume"},
		"--volume", d.cloud.volume.ID, d.backup.ID)
}
