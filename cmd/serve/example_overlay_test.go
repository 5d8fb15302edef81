package serve_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/fusefs/overlay"
	"github.com/restorefs/restorefs/materialize"
)

// restoreWithOverlay copies a backup onto a file or a device, together with what was written onto
// it through a mount with its overlay in the directory written.
func restoreWithOverlay(ctx context.Context, where, backup, written, onto string) error {
	share, err := locate.Open(ctx, locate.Options{Share: where})
	if err != nil {
		return err
	}
	catalog := backupstore.NewCatalog(share.Root, backupstore.Options{DecoderBytes: 64 << 20,
		NoIndexBuild: true})
	defer catalog.Close()
	if err := catalog.Refresh(ctx); err != nil {
		return err
	}
	b, err := catalog.Find(backup)
	if err != nil {
		return err
	}
	volume, err := catalog.Open(ctx, b)
	if err != nil {
		return err
	}
	key := overlay.Key{Backup: b.ID, Size: volume.Size(), Content: volume.Identity()}
	o, err := overlay.OpenReadOnly(ctx, written, key, volume, overlay.Options{})
	if err != nil {
		return err
	}
	defer o.Close()
	target, err := materialize.Open(ctx, onto, materialize.OpenOptions{Size: volume.Size(),
		Backup: b.ID})
	if err != nil {
		return err
	}
	defer target.Close()
	_, err = materialize.Run(ctx, o.Over(volume), target,
		materialize.Options{MemoryBytes: 64 << 20})
	return err
}

// A backup is restored to a file together with what was written onto it. The example writes into
// the overlay directly, as a mount does for its disks.
func Example_restoreWithOverlay() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	share, written := filepath.Join(dir, "share"), filepath.Join(dir, "overlays")
	backup, err := storetest.Write(share, storetest.Spec{ID: storetest.ID("b"),
		VolumeID: storetest.ID("v"), Content: storetest.Text(1<<20, 7)})
	if err == nil {
		err = writeOnto(ctx, share, backup.ID, written, "written by a virtual machine")
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	file := filepath.Join(dir, "disk.raw")
	if err := restoreWithOverlay(ctx, share, backup.ID, written, file); err != nil {
		fmt.Println(err)
		return
	}
	disk, err := os.Open(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer disk.Close()
	start := make([]byte, 28)
	_, err = disk.ReadAt(start, 0)
	fmt.Printf("%s %v\n", start, err)
	// Output: written by a virtual machine <nil>
}

// writeOnto writes text to the start of a backup's disk.
func writeOnto(ctx context.Context, where, backup, written, text string) error {
	share, err := locate.Open(ctx, locate.Options{Share: where})
	if err != nil {
		return err
	}
	catalog := backupstore.NewCatalog(share.Root, backupstore.Options{})
	defer catalog.Close()
	if err := catalog.Refresh(ctx); err != nil {
		return err
	}
	b, err := catalog.Find(backup)
	if err != nil {
		return err
	}
	volume, err := catalog.Open(ctx, b)
	if err != nil {
		return err
	}
	if err := os.Mkdir(written, 0o700); err != nil {
		return err
	}
	key := overlay.Key{Backup: b.ID, Size: volume.Size(), Content: volume.Identity()}
	o, err := overlay.Open(ctx, written, key, volume, overlay.Options{})
	if err != nil {
		return err
	}
	defer o.Close()
	return o.WriteAt(ctx, []byte(text), 0)
}
