package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// bindMount mounts one directory on another, until the test ends or away is called.
func bindMount(t *testing.T, from, on string) (away func()) {
	t.Helper()
	needMount(t)
	if err := syscall.Mount(from, on, "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	mounted := true
	away = func() {
		if mounted {
			mounted = false
			if err := syscall.Unmount(on, syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(away)
	return away
}

func TestAShareThatIsMountedAgainIsFoundAndOpenDisksGoOn(t *testing.T) {
	needMount(t)
	export, path := t.TempDir(), t.TempDir()
	// With many objects most are not open when the share goes away.
	first := storetest.MustWrite(t, export, storetest.Spec{ID: storetest.ID("one"),
		VolumeID: storetest.ID("volume"),
		Content:  storetest.Text(1<<20, 7), FileSize: 64 << 10})
	away := bindMount(t, export, path)
	mountpoint, _ := mountShare(t, path, "--refresh", "100ms", "--memory", "64MiB")
	disk, err := os.Open(filepath.Join(mountpoint, "backups", first.ID, "volume.raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	head := make([]byte, 4096)
	if _, err := disk.ReadAt(head, 0); err != nil {
		t.Fatal(err)
	}

	// It is unmounted while it is in use, and leaves an empty directory.
	away()
	eventually(t, "the status says that it is gone",
		func() bool { return strings.Contains(statusOf(t, mountpoint).LookError, "unmounted") })
	if list, err := os.ReadDir(filepath.Join(mountpoint, "backups")); err != nil || len(list) != 1 {
		t.Errorf("the backups: %v, %v", list, err)
	}

	// It is mounted again with one more backup. It is a copy, so that no open file of the old one
	// can be used.
	copied := t.TempDir()
	run(t, "cp", "-a", export+"/.", copied)
	second := smallBackup(t, copied, "two")
	if err := os.RemoveAll(export); err != nil {
		t.Fatal(err)
	}
	bindMount(t, copied, path)
	eventually(t, "the new backup shows", func() bool {
		_, err := os.Stat(filepath.Join(mountpoint, "backups", second.ID, "volume.raw"))
		return err == nil
	})
	want, got := make([]byte, 1<<20), make([]byte, 1<<20)
	storetest.Text(1<<20, 7).ReadAt(want, 0)
	if _, err := disk.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the open disk reads otherwise: %v", err)
	}
	if f := statusOf(t, mountpoint); f.LookError != "" || f.Backups != 2 {
		t.Errorf("%+v", f)
	}
}
