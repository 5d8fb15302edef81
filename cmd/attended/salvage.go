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

// lostLines bounds the ranges that are printed; the map has all.
const lostLines = 20

// lost prints lost ranges, in order, and returns the error for them. Those that touch are one.
func lost(w io.Writer, bad []backupstore.Range, hint string) error {
	if len(bad) == 0 {
		return nil
	}
	bad = joined(bad)
	var total int64
	for i, r := range bad {
		total += r.Len
		if i < lostLines {
			fmt.Fprintf(w, "lost: bytes %d to %d\n", r.Off, r.Off+r.Len)
		}
	}
	if n := len(bad) - lostLines; n > 0 {
		fmt.Fprintf(w, "lost: %s more\n", wording.Count(n, "range"))
	}
	return fmt.Errorf("%s in %s are lost, all else is restored and verified; %s: %w",
		wording.Size(total), wording.Count(len(bad), "range"), hint, backupstore.ErrDamaged)
}

// joined returns ranges, which are in order, with those that touch made one.
func joined(ranges []backupstore.Range) (out []backupstore.Range) {
	for _, r := range ranges {
		if n := len(out) - 1; n >= 0 && out[n].Off+out[n].Len >= r.Off {
			out[n].Len = max(out[n].Len, r.Off+r.Len-out[n].Off)
			continue
		}
		out = append(out, r)
	}
	return out
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
