package places

import (
	"os"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestATargetThatLooksLikeSomethingElseIsDoubted(t *testing.T) {
	dir := t.TempDir()
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("one"),
		VolumeID: storetest.ID("one volume"), Content: storetest.Text(1<<20, 7)})
	s, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	catalog := backupstore.NewCatalog(s, backupstore.Options{})
	defer catalog.Close()
	if err := catalog.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("vdz", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"vdb": "not the device /dev/vdb", "dev/sdc1": "/dev/sdc1", "nvme0n1p2": "/dev/nvme0n1p2",
		"loop7": "/dev/loop7", "null": "/dev/null",
		b.ID[:4]: "id of backup " + b.ID, storetest.ID("nobody's"): "whose name is an id",
		"x.qcow2": "--format qcow2", "/srv/X.VMDK": "raw disk",
		"vdz": "", "disk.raw": "", "./" + b.ID[:4]: "", "/srv/vdb": "", "dir/vdb": "",
		"/dev/vdb": "", "data": "", "sdcard": "",
	} {
		got := Doubtful(name, false, catalog)
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, not %q", name, got, want)
		}
	}
	if got := Doubtful("x.qcow2", true, catalog); got != "" {
		t.Errorf("a qcow2: %s", got)
	}
}
