package records

import (
	"bytes"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestBackupsOfBothKindsOfDriversAreToldApart(t *testing.T) {
	dir := t.TempDir()
	file := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("file"),
		VolumeID: storetest.ID("volume"), Content: storetest.Text(1<<20, 1)})
	bucket := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("bucket"),
		VolumeID: storetest.ID("other volume"), Content: storetest.Text(1<<20, 2), Bucket: true})
	s, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	catalog := backupstore.NewCatalog(s, backupstore.Options{})
	defer catalog.Close()
	if err := catalog.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, service string
		backups       []string
		want, told    string // ids of the records; what is said of the rest, or the error
	}{
		{"of all, those that the driver can read", cinderconf.NFSDriver, nil, file.ID,
			"cannot read what one of Cinder's drivers for object stores, which its files do not " +
				"name wrote: 1 backup; run it again with --backup-service s3, swift or gcs"},
		{"of all, those of a bucket", cinderconf.S3Driver, nil, bucket.ID,
			"wrote: 1 backup; run it again with --backup-service nfs or posix"},
		{"a driver that is not known may read all", "my.driver", nil, "both", ""},
		{"named ones of both kinds", cinderconf.S3Driver, []string{file.ID, bucket.ID}, "",
			"name the backups of one kind at a time, these with --backup-service nfs or posix"},
		{"a named one of the other kind", cinderconf.NFSDriver, []string{bucket.ID}, "",
			"give --backup-service s3, swift or gcs"},
	} {
		var told bytes.Buffer
		all, err := Selection{Backups: c.backups, Service: c.service, Bucket: "b"}.Choose(catalog,
			&told)
		if err != nil {
			told.WriteString(err.Error())
		}
		ids := ""
		for _, b := range all {
			ids += b.ID
		}
		if c.want == "both" && len(all) == 2 {
			ids = "both"
		}
		if ids != c.want || !strings.Contains(told.String(), c.told) {
			t.Errorf("%s: %q: %s", c.name, ids, &told)
		}
	}
}
