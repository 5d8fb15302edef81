package cloud_test

import (
	"context"
	"fmt"
	"os"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/cloud/cloudtest"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// importAll imports the records of all backups that could be restored into a Cinder that has lost
// its database, and prints each.
func importAll(ctx context.Context, dir string) error {
	root, err := share.OpenDir(ctx, dir, nil)
	if err != nil {
		return err
	}
	catalog := backupstore.NewCatalog(root, backupstore.Options{})
	defer catalog.Close()
	if err := catalog.Refresh(ctx); err != nil {
		return err
	}
	var complete []*backupstore.Backup
	for _, b := range catalog.Backups() {
		if b.State == backupstore.Complete {
			complete = append(complete, b)
		}
	}
	records, err := catalog.ImportRecords(complete, cinderconf.NFSDriver)
	if err != nil {
		return err
	}
	client, err := cinderapi.Connect(ctx, cinderapi.Options{})
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = cloud.ImportRecords(ctx, client, records, cloud.ImportOptions{
		Each: func(r cloud.ImportedRecord) { fmt.Println(r.ID, r.Result, r.Err) },
	})
	return err
}

// A chain of two backups becomes known to Cinder again, the parent first.
func ExampleImportRecords() {
	dir, err := os.MkdirTemp("", "restorefs-example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	content, meta := storetest.Text(1<<20, 1),
		`{"version": 2, "volume-base-metadata": {"size": 1, "project_id": "`+cloudtest.Project+`"}}`
	full := storetest.Spec{ID: storetest.ID("full"), VolumeID: storetest.ID("v"), Content: content,
		VolumeMeta: meta}
	top := full
	top.ID, top.ParentID, top.Parent = storetest.ID("top"), full.ID, content
	for _, spec := range []storetest.Spec{top, full} {
		if _, err := storetest.Write(dir, spec); err != nil {
			fmt.Println(err)
			return
		}
	}
	fake := cloudtest.NewRecords() // instead of a Cinder
	defer fake.Close()
	defer cloudtest.Setenv(fake.Env())()

	for range 2 {
		fmt.Println(importAll(context.Background(), dir))
	}
	// Output:
	// a18b869b-2e81-40c5-a955-2a3c4fa5c92e imported <nil>
	// 28720365-c5e7-476a-811e-4f43ac003ee5 imported <nil>
	// <nil>
	// a18b869b-2e81-40c5-a955-2a3c4fa5c92e present <nil>
	// 28720365-c5e7-476a-811e-4f43ac003ee5 present <nil>
	// <nil>
}
