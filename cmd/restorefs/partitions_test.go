package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestPartitionsOfCindersOwnBackups(t *testing.T) {
	needMount(t)
	share, list := storetest.Fixtures(t)
	mountpoint, _ := mountShare(t, share)
	tables := 0
	for _, f := range list {
		if f.State != storetest.Complete {
			continue
		}
		dir := filepath.Join(mountpoint, "backups", f.ID)
		entries, err := os.ReadDir(filepath.Join(dir, "partitions"))
		if len(f.Partitions) == 0 {
			if !os.IsNotExist(err) {
				t.Errorf("%s: %v, %v", f.Label, entries, err)
			}
			continue
		}
		tables++
		if err != nil || len(entries) != len(f.Partitions) {
			t.Errorf("%s: %v, %v", f.Label, entries, err)
			continue
		}
		image := storetest.Image(t, share, list, f)
		for i, p := range f.Partitions {
			got, err := os.ReadFile(filepath.Join(dir, "partitions", fmt.Sprintf("%d.raw", i+1)))
			if err != nil || !bytes.Equal(got, image[p.Offset:p.Offset+p.Length]) {
				t.Errorf("%s: partition %d has %d bytes, %v", f.Label, i+1, len(got), err)
			}
		}
	}
	if tables != 2 {
		t.Errorf("%d backups with partitions", tables)
	}
	if f := readStatus(t, mountpoint); f.OpenVolumes != 0 {
		t.Errorf("%+v", f)
	}
}

// fileContent is what a file holds.
func fileContent(t *testing.T, path string) storetest.Content {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return io.NewSectionReader(f, 0, info.Size())
}

// A disk of two partitions with file systems, mounted from their files.
func TestFileSystemsInPartitionsAreMounted(t *testing.T) {
	needMount(t)
	need(t, "sfdisk", "mkfs.ext4", "mkfs.xfs", "debugfs", "mount")
	dir := t.TempDir()
	disk, ext4, xfs := filepath.Join(dir, "disk"), filepath.Join(dir, "ext4"), filepath.Join(dir, "xfs")
	hello := filepath.Join(dir, "hello")
	if err := os.WriteFile(hello, []byte("hello from a partition\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, "truncate", "-s", "16M", ext4)
	run(t, "mkfs.ext4", "-q", ext4)
	run(t, "debugfs", "-w", "-R", "write "+hello+" hello", ext4)
	run(t, "truncate", "-s", "320M", xfs)
	run(t, "mkfs.xfs", "-q", xfs)
	run(t, "truncate", "-s", "340M", disk)
	run(t, "sh", "-c", `printf 'label: gpt\nsize=16MiB\nsize=320MiB\n' | sfdisk -q "$0"
		dd if="$1" of="$0" bs=1M seek=1 conv=notrunc,sparse status=none
		dd if="$2" of="$0" bs=1M seek=17 conv=notrunc,sparse status=none`, disk, ext4, xfs)
	share := t.TempDir()
	b := storetest.MustWrite(t, share, storetest.Spec{
		ID: storetest.ID("parts"), VolumeID: storetest.ID("parts volume"), Content: fileContent(t, disk), Compression: "zstd"})
	mountpoint, _ := mountShare(t, share)
	parts := filepath.Join(mountpoint, "backups", b.ID, "partitions")
	at := t.TempDir()
	for name, options := range map[string]string{"1.raw": "ro,loop,noload", "2.raw": "ro,loop,norecovery"} {
		run(t, "mount", "-o", options, filepath.Join(parts, name), at)
		if name == "1.raw" {
			if text, err := os.ReadFile(filepath.Join(at, "hello")); string(text) != "hello from a partition\n" {
				t.Errorf("%q, %v", text, err)
			}
		}
		run(t, "umount", at)
	}
}
