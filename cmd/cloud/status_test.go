package cloud

import (
	"errors"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

func TestAStatusAllowsDataOrMetadataOrNothing(t *testing.T) {
	const nothing, metadata, all = 0, 1, 2
	for status, want := range map[string]int{
		"available": all, "error": all, "error_restoring": all, "error_extending": all,
		"error_backing-up": all,
		"attaching":        metadata, "reserved": metadata, "detaching": metadata,
		"in-use":   metadata, // not known where
		"deleting": nothing, "error_deleting": nothing, "awaiting-transfer": nothing,
		"uploading":        nothing,
		"restoring-backup": nothing, "pondering": nothing, "": nothing,
	} {
		allowed := nothing
		for _, o := range []Options{{NoData: true}, {}} {
			d := newDestination(nil, o)
			d.Volume = &cinderapi.Volume{ID: "v", Status: status, SizeGiB: 1}
			err := d.Check(t.Context(),
				&backupstore.Backup{Scanned: backupstore.Scanned{Facts: &backupstore.Facts{}}})
			if refused := (*materialize.RefusedError)(nil); err != nil &&
				!errors.As(err, &refused) {
				t.Fatal(err)
			}
			if err == nil {
				allowed++
			}
		}
		if allowed != want {
			t.Errorf("%q allows %d, not %d", status, allowed, want)
		}
	}
}
