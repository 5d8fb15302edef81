package cloud

import (
	"net/http"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/cloud/cloudtest"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

func openCatalog(t *testing.T, dir string) *backupstore.Catalog {
	t.Helper()
	root, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	catalog := backupstore.NewCatalog(root, backupstore.Options{})
	t.Cleanup(func() { catalog.Close() })
	if err := catalog.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return catalog
}

// records returns those of a chain of three, and last that of a backup of another volume in the
// root of the share.
func records(t *testing.T) []backupstore.Importable {
	t.Helper()
	dir, content := t.TempDir(), storetest.Zeros(100000)
	spec := storetest.Spec{VolumeID: storetest.ID("volume of a chain"), Content: content,
		VolumeMeta: `{"version": 2, "volume-base-metadata": {"size": 1, "project_id": "` +
			cloudtest.Project + `"}}`}
	for _, name := range []string{"full", "middle", "top"} {
		spec.ID = storetest.ID(name)
		storetest.MustWrite(t, dir, spec)
		spec.ParentID, spec.Parent = spec.ID, content
	}
	spec.ID, spec.VolumeID, spec.Container, spec.ParentID, spec.Parent = storetest.ID("other"),
		storetest.ID("other volume"), ".", "", nil
	storetest.MustWrite(t, dir, spec)
	catalog := openCatalog(t, dir)
	var backups []*backupstore.Backup
	for _, name := range []string{"top", "other"} {
		b, err := catalog.Find(storetest.ID(name))
		if err != nil {
			t.Fatal(err)
		}
		backups = append(backups, b)
	}
	all, err := catalog.ImportRecords(backups, cinderconf.NFSDriver)
	if err != nil || len(all) != 4 {
		t.Fatal(len(all), err)
	}
	return all
}

// login returns a client of a fake cloud.
func login(t *testing.T, env []string) *cinderapi.Client {
	t.Helper()
	t.Cleanup(cloudtest.Setenv(env))
	client, err := cinderapi.Connect(t.Context(), cinderapi.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func newRecords(t *testing.T) *cloudtest.Records {
	t.Helper()
	c := cloudtest.NewRecords()
	t.Cleanup(c.Close)
	return c
}

// Deleting a record that has a container deletes the backup's files.
func TestNoRecordIsDeletedThatMayHaveFiles(t *testing.T) {
	all := records(t)
	first, chain := all[0].ID, storetest.ID("volume of a chain")
	own := first[:2] + "/" + first[2:4] + "/" + first
	none := "00000000-0000-0000-0000-000000000000"
	for name, there := range map[string]struct {
		cloudtest.Backup
		says string
	}{
		"an import that failed for a row that had been deleted": {cloudtest.Backup{Status: "error",
			VolumeID: none, Container: &own}, "Deleting it would delete its files"},
		"a backup in error": {cloudtest.Backup{Status: "error", VolumeID: chain,
			Container: &own}, "reset-state"},
		"a backup being deleted": {cloudtest.Backup{Status: "deleting", VolumeID: chain,
			Container: &own}, "in status deleting"},
		"another container": {cloudtest.Backup{Status: "available", VolumeID: chain,
			Container: &none}, "backup_share"},
		"another volume": {cloudtest.Backup{Status: "available", VolumeID: none,
			Container: &own}, "but of volume"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newRecords(t)
			there.ID = first
			c.Change(func() { c.Backups[first] = &there.Backup })
			got, err := ImportRecords(t.Context(), login(t, c.Env()), all[:3], ImportOptions{})
			if err != nil || len(got) != 3 || got[0].Result != RecordFailed ||
				!strings.Contains(got[0].Err.Error(), there.says) ||
				got[2].Result != RecordSkipped {
				t.Errorf("%v %v", got, err)
			}
			if calls := c.Called(); len(calls) != 0 {
				t.Errorf("called %q", calls)
			}
		})
	}
}

// The import succeeds but its answer is lost. It must not be repeated.
func TestALostAnswerIsNoFailure(t *testing.T) {
	all := records(t)
	last := all[3].ID
	c := newRecords(t)
	c.Change(func() {
		c.Fault = func(w http.ResponseWriter, call string) bool {
			if call != "import "+last {
				return false
			}
			root := ""
			c.Backups[last] = &cloudtest.Backup{ID: last, Status: "creating",
				VolumeID: storetest.ID("other volume"), Container: &root}
			panic(http.ErrAbortHandler)
		}
	})
	got, err := ImportRecords(t.Context(), login(t, c.Env()), all, ImportOptions{})
	if err != nil || got[3].Result != RecordImported || got[3].Err != nil || len(c.Called()) != 4 {
		t.Errorf("%v %v", got, err)
	}
}
