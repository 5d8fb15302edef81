package main

import (
	"context"
	"errors"
	"io/fs"

	"github.com/restorefs/restorefs/fusefs/overlay"
)

// withOverlay puts what --overlay names over the volume that is restored.
func (r *restore) withOverlay(ctx context.Context) error {
	dir := r.o.overlay
	if dir == "" {
		return nil
	}
	key := overlay.Key{Backup: r.backup.ID, Size: r.composed.Size(), Content: r.composed.Identity()}
	o, err := overlay.OpenReadOnly(ctx, dir, key, r.volume, overlay.Options{Logger: r.options.Logger})
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("nothing was written onto backup %s in %s: leave --overlay out, or see \"restorefs overlay list %s\"", r.backup.ID, dir, dir)
	}
	if err != nil {
		return err
	}
	r.overlay, r.volume = o, o.Over(r.volume)
	return nil
}
