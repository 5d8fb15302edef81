package attended

import (
	"fmt"
	"io"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/wording"
)

// salvaged returns the error for the ranges that a restore has lost, with the place of their map,
// nil if there are none.
func (r *restoring) salvaged() error {
	path := r.done.Map
	if err := r.done.MapErr; err != nil {
		fmt.Fprintf(r.o.Err, "the map of the bad ranges is not written: %v\n", err)
		path = "above"
	}
	return lost(r.o.Err, r.done.Lost, "the map is "+path)
}

// lost prints lost ranges and returns the error for them.
func lost(w io.Writer, bad []backupstore.Range, hint string) error {
	if len(bad) == 0 {
		return nil
	}
	var total int64
	for _, r := range bad {
		total += r.Len
		fmt.Fprintf(w, "lost: bytes %d to %d\n", r.Off, r.Off+r.Len)
	}
	return fmt.Errorf("%s in %s are lost, all else is restored and verified; %s: %w",
		wording.Size(total), wording.Count(len(bad), "range"), hint, backupstore.ErrDamaged)
}

// inDoubt is the error of a restore with --salvage if nothing proves that the backup's objects are
// where they belong.
func inDoubt(b *backupstore.Backup) error {
	if b.Doubt() == "" {
		return nil
	}
	return fmt.Errorf("all that the objects hold is restored, but it may stand in the wrong "+
		"places: %s. Check what is on it before you use it: %w", b.Doubt(), backupstore.ErrDamaged)
}
