package inspect

import (
	"errors"
	"io"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/source"
)

// volumesNamed returns the ids of the volumes that --volume names, nil where it names none. All
// that it could mean are taken: that is how the operator finds out which one it is. Notes go to w.
func volumesNamed(catalog *backupstore.Catalog, ref string, w io.Writer) (map[string]bool, error) {
	if ref == "" || len(catalog.Backups()) == 0 {
		return nil, nil
	}
	found, err := catalog.LookupVolume(ref)
	source.Tell(w, found.Notes)
	ids := map[string]bool{found.ID: true}
	if many, ok := errors.AsType[*backupstore.AmbiguousError](err); ok {
		err = nil
		for _, b := range many.Candidates {
			ids[b.VolumeID] = true
		}
	}
	return ids, err
}
