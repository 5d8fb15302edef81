package restore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
	"github.com/restorefs/restorefs/cmd/restore"
	"github.com/restorefs/restorefs/fusefs"
	"github.com/restorefs/restorefs/materialize"
)

// A backup is restored into a file. A device is restored to in the same way.
func Example() {
	ctx := context.Background()
	dir, b := sampleShare()
	defer os.RemoveAll(dir)

	root, err := share.OpenDir(ctx, filepath.Join(dir, "share"), nil)
	check(err)
	catalog := backupstore.NewCatalog(root, backupstore.Options{NoIndexBuild: true})
	defer catalog.Close()
	check(catalog.Refresh(ctx))
	backup, err := catalog.Find(b.VolumeID + "@latest")
	check(err)

	r, err := restore.Open(ctx, catalog, backup, restore.Options{
		Copy: materialize.Options{VerifyAfter: true},
		Keeper: restore.Keeper{Outside: func(path string) error {
			if inside, err := fusefs.Inside(path, filepath.Join(dir, "share")); inside ||
				err != nil {
				return fmt.Errorf("%s is on the share: %w", path, err)
			}
			return nil
		}},
		Confirm: func(_ context.Context, t *materialize.Target) error {
			fmt.Println("writing to", filepath.Base(t.Path()))
			return nil
		},
	})
	check(err)
	defer r.Close()
	result, err := r.To(ctx, filepath.Join(dir, "disk.raw"), restore.Guard{})
	check(err)
	fmt.Println(result.Size, "bytes; read back:", result.Verified)
	fmt.Println("metadata in", filepath.Base(result.Record))
	// Output:
	// writing to disk.raw
	// 1073741824 bytes; read back: true
	// metadata in disk.raw.metadata.json
}

// Damaged ranges that cannot be healed become zeros, and the rest is restored.
func ExampleRestore_To_salvage() {
	ctx := context.Background()
	dir, b := sampleShare()
	defer os.RemoveAll(dir)
	check(os.Remove(b.Path("-00002"))) // one object of the backup is gone

	root, err := share.OpenDir(ctx, filepath.Join(dir, "share"), nil)
	check(err)
	catalog := backupstore.NewCatalog(root, backupstore.Options{NoIndexBuild: true})
	defer catalog.Close()
	check(catalog.Refresh(ctx))
	backup, err := catalog.Find(b.ID)
	check(err)

	_, err = restore.Open(ctx, catalog, backup, restore.Options{})
	fmt.Println("without salvage:", err != nil)
	r, err := restore.Open(ctx, catalog, backup, restore.Options{Salvage: restore.SalvageZero})
	check(err)
	defer r.Close()
	result, err := r.To(ctx, filepath.Join(dir, "disk.raw"), restore.Guard{})
	check(err)
	for _, lost := range result.Lost {
		fmt.Println("lost:", lost.Off, "to", lost.Off+lost.Len)
	}
	fmt.Println("the map is", filepath.Base(result.Map))
	// Output:
	// without salvage: true
	// lost: 1048576 to 2097152
	// the map is disk.raw.bad-ranges.map
}

// A qcow2 needs FUSE and the program qemu-img. TestExampleQcow2 runs this example.
func ExampleRestore_ToQcow2() {
	ctx := context.Background()
	dir, b := sampleShare()
	defer os.RemoveAll(dir)
	root, err := share.OpenDir(ctx, filepath.Join(dir, "share"), nil)
	check(err)
	catalog := backupstore.NewCatalog(root, backupstore.Options{NoIndexBuild: true})
	defer catalog.Close()
	check(catalog.Refresh(ctx))
	backup, err := catalog.Find(b.ID)
	check(err)

	r, err := restore.Open(ctx, catalog, backup, restore.Options{Avoid: []string{filepath.Join(dir,
		"share")}})
	check(err)
	defer r.Close()
	result, err := r.ToQcow2(ctx, filepath.Join(dir, "disk.qcow2"))
	check(err)
	fmt.Println("made:", filepath.Base(result.Path), result.Restored)
}

// sampleShare makes a share with a backup of a volume of 4 MiB.
func sampleShare() (dir string, b storetest.Backup) {
	dir, err := os.MkdirTemp("", "restorefs-test-example-")
	check(err)
	check(os.Mkdir(filepath.Join(dir, "share"), 0o700))
	b, err = storetest.Write(filepath.Join(dir, "share"), storetest.Spec{
		ID: storetest.ID("example"), VolumeID: storetest.ID("volume"), Name: "db",
		Content: storetest.Text(4<<20, 1), FileSize: 1 << 20,
	})
	check(err)
	return dir, b
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func TestExampleQcow2(t *testing.T) {
	need.Program(t, "qemu-img")
	need.Root(t)
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		need.Missing(t, "needs /dev/fuse: %v", err)
	} else {
		f.Close()
	}
	ExampleRestore_ToQcow2()
}
