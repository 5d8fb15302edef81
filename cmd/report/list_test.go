package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestAVolumeIsListedByItsNewestName(t *testing.T) {
	backup := func(volume, name string) *backupstore.Backup {
		b := &backupstore.Backup{Scanned: backupstore.Scanned{Facts: &backupstore.Facts{
			ID: storetest.ID(volume + name), VolumeID: volume}}}
		b.State = backupstore.Complete
		if name != "" {
			b.VolumeMeta = &format.VolumeSummary{}
			b.VolumeMeta.Base.Name = &name
		}
		return b
	}
	all := []*backupstore.Backup{ // oldest first
		backup("a", ""), backup("a", "first"), backup("a", "second"), backup("a", "first"),
		backup("a", "new"), backup("a", ""),
		backup("b", "only"), backup("c", ""),
	}
	names := VolumeNames(all)
	for id, want := range map[string]string{"a": ` "new", before: "first", "second"`,
		"b": ` "only"`, "c": ""} {
		if got := namesText(names[id]); got != want {
			t.Errorf("%s: %s, not %s", id, got, want)
		}
	}
	var out bytes.Buffer
	Listing{Backups: all[:1], Names: names}.Print(&out) // the listed one has no name itself
	if !strings.Contains(out.String(), "\n"+`volume a "new", before: "first", "second"`) {
		t.Errorf("%s", out.String())
	}
}
