package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
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
	// The kernel releases a file some time after it is closed.
	eventually(t, "nothing is open any more", func() bool {
		return readStatus(t,
			mountpoint).OpenVolumes == 0
	})
}

// A file system is mounted read-write from its partition's file, and read through the whole disk.
func TestAPartitionOfADiskWithAnOverlayIsMounted(t *testing.T) {
	firstPass(t)
	needMount(t)
	need(t, "sfdisk", "mkfs.ext4", "mount", "e2fsck", "losetup")
	dir := t.TempDir()
	disk, ext4 := filepath.Join(dir, "disk"), filepath.Join(dir, "ext4")
	run(t, "truncate", "-s", "16M", ext4)
	run(t, "mkfs.ext4", "-q", ext4)
	run(t, "truncate", "-s", "20M", disk)
	run(t, "sh", "-c",
		`printf 'label: dos\nsize=16MiB\n' | sfdisk -q "$0" && dd if="$1" of="$0" bs=1M seek=1 conv=notrunc,sparse status=none`, disk, ext4)
	share := t.TempDir()
	b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("rw"),
		VolumeID: storetest.ID("rw volume"), Content: fileContent(t, disk)})
	mountpoint, _ := mountShare(t, share, "--overlay", t.TempDir())
	whole := filepath.Join(mountpoint, "backups", b.ID, "volume.raw")
	part := filepath.Join(mountpoint, "backups", b.ID, "partitions", "1.raw")
	f, err := os.Open(whole) // stays open; the kernel caches what is read
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	read := func(off int64) []byte {
		p := make([]byte, 16<<20)
		if _, err := f.ReadAt(p, off); err != nil {
			t.Fatal(err)
		}
		return p
	}
	read(1 << 20)
	at := t.TempDir()
	run(t, "mount", "-o", "loop", part, at)
	err = os.WriteFile(filepath.Join(at, "new"), bytes.Repeat(
		[]byte("written through the partition\n"), 10_000), 0o600)
	run(t, "umount", at)
	if err != nil {
		t.Fatal(err)
	}
	run(t, "e2fsck", "-fn", part)
	same, err := os.ReadFile(part)
	if err != nil || !bytes.Equal(same, read(1<<20)) ||
		!bytes.Contains(same, []byte("written through the partition")) {
		t.Errorf("the disk shows something else than the partition: %v", err)
	}
	// The other way round.
	loop := strings.TrimSpace(run(t, "losetup", "--find", "--show", "--offset", "1048576",
		"--sizelimit", "16777216", whole))
	run(t, "mount", loop, at)
	text, err := os.ReadFile(filepath.Join(at, "new"))
	if err == nil {
		err = os.Remove(filepath.Join(at, "new"))
	}
	run(t, "umount", at)
	run(t, "losetup", "--detach", loop)
	if err != nil || len(text) != 300_000 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	run(t, "e2fsck", "-fn", part)
	if same, err = os.ReadFile(part); err != nil || !bytes.Equal(same, read(1<<20)) {
		t.Errorf("the partition shows something else than the disk: %v", err)
	}
}

// fileContent returns what a file holds.
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

// A disk with two partitions with file systems, mounted from their files.
func TestFileSystemsInPartitionsAreMounted(t *testing.T) {
	firstPass(t)
	needMount(t)
	need(t, "sfdisk", "mkfs.ext4", "mkfs.xfs", "debugfs", "mount")
	dir := t.TempDir()
	disk, ext4, xfs := filepath.Join(dir, "disk"), filepath.Join(dir, "ext4"),
		filepath.Join(dir, "xfs")
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
		ID: storetest.ID("parts"), VolumeID: storetest.ID("parts volume"),
		Content: fileContent(t, disk), Compression: "zstd"})
	mountpoint, _ := mountShare(t, share)
	parts := filepath.Join(mountpoint, "backups", b.ID, "partitions")
	at := t.TempDir()
	for name, options := range map[string]string{"1.raw": "ro,loop,noload",
		"2.raw": "ro,loop,norecovery"} {
		run(t, "mount", "-o", options, filepath.Join(parts, name), at)
		if name == "1.raw" {
			if text, err := os.ReadFile(filepath.Join(at, "hello")); string(
				text) != "hello from a partition\n" {
				t.Errorf("%q, %v", text, err)
			}
		}
		run(t, "umount", at)
	}
}
