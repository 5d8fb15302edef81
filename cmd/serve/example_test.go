package serve_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
	"github.com/restorefs/restorefs/cmd/serve"
	"github.com/restorefs/restorefs/fusefs"
)

// serveShare mounts the backups of a share, a directory or HOST:/EXPORT, until ctx ends. It calls
// mounted when the mount can be used. This process must not use the mount itself.
func serveShare(ctx context.Context, where, mountpoint string, mounted func()) error {
	share, err := locate.Open(ctx, locate.Options{Share: where, Config: "/etc/cinder/cinder.conf"})
	if err != nil {
		return err
	}
	catalog := backupstore.NewCatalog(share.Root, backupstore.Options{DecoderBytes: 64 << 20})
	defer catalog.Close()
	if err := catalog.Refresh(ctx); err != nil {
		return err
	}
	disks, err := serve.New(ctx, catalog, serve.Options{CacheBytes: 64 << 20, Share: share.Source,
		Logger: slog.Default()})
	if err != nil {
		return err
	}
	defer disks.Close()
	server, err := fusefs.Mount(ctx, mountpoint, disks, fusefs.Options{
		Source: share.Source, Avoid: []string{share.Dir}, Status: disks.StatusFile,
		Logger: slog.Default(),
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // stops serving if something else unmounts it
		defer stop()
		server.Wait()
	}()
	mounted()
	disks.Run(running, time.Minute, nil) // looks for new backups
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = server.Unmount(patience, fusefs.UnmountOptions{Lazy: true})
	if errors.Is(err, fusefs.ErrNotMounted) {
		err = nil
	}
	server.Wait()
	return err
}

// The backups of an NFS export are mounted for an hour.
func ExampleNew() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	err := serveShare(ctx, "nfs.example:/backups", "/mnt/backups",
		func() { fmt.Println("mounted") })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func TestTheExampleMountsAShare(t *testing.T) {
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		need.Missing(t, "the example of a mount needs /dev/fuse: %v", err)
	} else {
		f.Close()
	}
	dir := t.TempDir()
	content := storetest.Text(1<<20, 7)
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("one"),
		VolumeID: storetest.ID("v"), Content: content})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	mountpoint := t.TempDir()
	mounted := false
	err := serveShare(ctx, dir, mountpoint, func() {
		mounted = true
		defer cancel()
		got, err := exec.Command("head", "-c", "100",
			filepath.Join(mountpoint, "backups", b.ID, "volume.raw")).Output()
		want := make([]byte, 100)
		if _, err := content.ReadAt(want, 0); err != nil && err != io.EOF {
			t.Error(err)
		}
		if err != nil || string(got) != string(want) {
			t.Errorf("the disk holds %q, not %q (%v)", got, want, err)
		}
	})
	if err != nil || !mounted {
		t.Errorf("mounted: %v, %v", mounted, err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), mountpoint) {
		t.Errorf("the mount is left: %v", err)
	}
}
