package cloud_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/cloud/cloudtest"
	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/cinderapi"
	"github.com/restorefs/restorefs/materialize/device"
)

// restoreToNewVolume creates a volume for the backup that ref names, and restores data and metadata
// to it. It runs on the storage node, where volumes appear at place ("lvm", "nfs", or a path with
// {id}). The OS_* variables of an openrc name the cloud.
func restoreToNewVolume(ctx context.Context, dir, ref, place string) (volume string, err error) {
	root, err := share.OpenDir(ctx, dir, nil)
	if err != nil {
		return "", err
	}
	catalog := backupstore.NewCatalog(root, backupstore.Options{NoIndexBuild: true})
	defer catalog.Close()
	if err := catalog.Refresh(ctx); err != nil {
		return "", err
	}
	backup, err := catalog.Find(ref)
	if err != nil {
		return "", err
	}
	data, err := catalog.Open(ctx, backup)
	if err != nil {
		return "", err
	}
	finder, err := device.Parse(place)
	if err != nil {
		return "", err
	}
	client, err := cinderapi.Connect(ctx, cinderapi.Options{})
	if err != nil {
		return "", err
	}
	defer client.Close()
	d, err := cloud.NewVolume(ctx, client, backup, data, cloud.Wish{}, cloud.Options{Cleanup: true})
	if err != nil {
		return "", err
	}
	err = d.Deliver(ctx, cloud.OnThisMachine(finder), func(ctx context.Context, found *device.Device) (w cloud.Written, err error) {
		target, err := materialize.Open(ctx, found.Path,
			materialize.OpenOptions{Size: data.Size(), Backup: backup.ID})
		if err != nil {
			return w, err
		}
		defer target.Close()
		w.Begun = true
		if _, err := materialize.Run(ctx, data, target, materialize.Options{}); err != nil {
			return w, err
		}
		w.Restored = true
		left, err := d.RestoreMetadata(ctx, backup)
		if err == nil && len(left) > 0 {
			err = errors.New(left[0].String() + " is not as it was")
		}
		return w, err
	})
	if d.Volume == nil {
		return "", err
	}
	return d.Volume.ID, err
}

// A new volume becomes what the volume was when the backup was made.
func ExampleNewVolume() {
	dir, err := os.MkdirTemp("", "restorefs-example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	backups, volumes := filepath.Join(dir, "backups"), filepath.Join(dir, "volumes")
	backup, err := storetest.Write(backups, storetest.Spec{ID: storetest.ID("b"),
		VolumeID: storetest.ID("v"),
		Content:  storetest.Text(1<<20, 1), Volume: storetest.Volume{Name: "db"}})
	if err := errors.Join(err, os.Mkdir(volumes, 0o700)); err != nil {
		fmt.Println(err)
		return
	}
	fake := cloudtest.NewCloud(volumes) // instead of a cloud
	defer fake.Close()
	defer cloudtest.Setenv(fake.Env())()

	volume, err := restoreToNewVolume(context.Background(), backups, backup.ID,
		volumes+"/volume-{id}")
	fmt.Println(volume, err)
	fmt.Println(fake.Calls())
	// Output:
	// 16cc6e5f-3ed7-43a6-8d37-6125fb65d94d <nil>
	// create reserve metadata unreserve
}
