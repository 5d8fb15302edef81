package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// loopDevice attaches a file until the end of the test, or until detach.
func loopDevice(t *testing.T, file string) (device string, detach func()) {
	t.Helper()
	device = strings.TrimSpace(run(t, "losetup", "-f", "--show", file))
	detached := false
	detach = func() {
		if !detached {
			detached = true
			run(t, "losetup", "-d", device)
		}
	}
	t.Cleanup(detach)
	return device, detach
}

// mounted mounts a device until the end of the test, or until unmount.
func mounted(t *testing.T, device string, flags ...string) (dir string, unmount func()) {
	t.Helper()
	dir = t.TempDir()
	run(t, "mount", append(flags, device, dir)...)
	gone := false
	unmount = func() {
		if !gone {
			gone = true
			run(t, "umount", dir)
		}
	}
	t.Cleanup(unmount)
	return dir, unmount
}

// dirty makes a file system with files in it, and copies it while it is in use: synced data is in
// its journal only.
func dirty(t *testing.T, mkfs []string, size int64) (image storetest.Content) {
	t.Helper()
	backing := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(backing, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(backing, size); err != nil {
		t.Fatal(err)
	}
	run(t, mkfs[0], append(mkfs[1:], backing)...)
	loop, detach := loopDevice(t, backing)
	dir, unmount := mounted(t, loop)
	for i := range 200 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("file", i)),
			bytes.Repeat([]byte{byte(i)}, 1+i*100), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < 200; i += 3 {
		if err := os.Remove(filepath.Join(dir, fmt.Sprint("file", i))); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "sync", "-f", dir)
	run(t, "cp", "--sparse=always", backing, backing+".copy")
	unmount()
	detach()
	return fileContent(t, backing+".copy")
}

func TestADirtyJournalIsReplayedOnTheOverlay(t *testing.T) {
	firstPass(t)
	needMount(t)
	need(t, "losetup", "mount", "umount", "mkfs.ext4", "e2fsck", "mkfs.xfs", "xfs_repair")
	for _, fs := range []struct {
		name         string
		mkfs         []string
		size         int64
		clean, dirty func(disk string) error
	}{
		{"ext4", []string{"mkfs.ext4", "-q"}, 64 << 20,
			func(disk string) error { return exec.Command("e2fsck", "-fn", disk).Run() },
			func(disk string) error { // it must not complain about a journal to be replayed
				out, _ := exec.Command("e2fsck", "-fn", disk).CombinedOutput()
				if bytes.Contains(out, []byte("skipping journal recovery")) {
					return errors.New("its journal is dirty")
				}
				return nil
			}},
		{"xfs", []string{"mkfs.xfs", "-q"}, 300 << 20,
			func(disk string) error { return exec.Command("xfs_repair", "-n", "-f", disk).Run() },
			func(disk string) error {
				out, _ := exec.Command("xfs_repair", "-n", "-f", disk).CombinedOutput()
				if bytes.Contains(out, []byte("valuable metadata changes in a log")) {
					return errors.New("its log is dirty")
				}
				return nil
			}},
	} {
		t.Run(fs.name, func(t *testing.T) {
			image := dirty(t, fs.mkfs, fs.size)
			share, overlays := t.TempDir(), t.TempDir()
			id := storetest.ID("dirty " + fs.name)
			storetest.MustWrite(t, share, storetest.Spec{ID: id, VolumeID: storetest.ID("dirty"),
				Content: image, Compression: "zstd"})
			before := shareState(t, share)
			disk, unmountShare := writableMount(t, share, id, overlays)
			if fs.dirty(disk) == nil {
				t.Fatal("the backup's journal is clean: the test tests nothing")
			}
			loop, detach := loopDevice(t, disk)
			dir, unmount := mounted(t, loop)
			for i := range 200 {
				got, err := os.ReadFile(filepath.Join(dir, fmt.Sprint("file", i)))
				if i%3 == 0 && !errors.Is(err, os.ErrNotExist) || i%3 != 0 &&
					!bytes.Equal(got, bytes.Repeat([]byte{byte(i)}, 1+i*100)) {
					t.Errorf("file%d is not as it was synced: %d bytes, %v", i, len(got), err)
				}
			}
			// The disk can be used.
			run(t, "sh", "-c",
				"mkdir "+dir+"/new && dd if=/dev/urandom of="+dir+"/new/random bs=64k count=100 conv=fsync status=none")
			sum := run(t, "sha256sum", filepath.Join(dir, "new", "random"))
			run(t, "rm", "-r", filepath.Join(dir, "file1"))
			run(t, "fstrim", dir)
			unmount()
			detach()
			for range 2 { // now, and after restorefs has mounted it again
				if err := errors.Join(fs.clean(disk), fs.dirty(disk)); err != nil {
					t.Errorf("afterwards: %v", err)
				}
				unmountShare(false)
				disk, unmountShare = writableMount(t, share, id, overlays)
			}
			loop, detach = loopDevice(t, disk)
			dir, unmount = mounted(t, loop)
			if again := run(t, "sha256sum", filepath.Join(dir, "new",
				"random")); again[:64] != sum[:64] {
				t.Error("what was written to it is something else now")
			}
			unmount()
			detach()
			unmountShare(false)
			restored := filepath.Join(t.TempDir(), "restored")
			if _, stderr, code := restorefs(t, "materialize", "--share", share, "--overlay",
				overlays, id, restored); code != 0 {
				t.Fatalf("materialize: exit %d: %s", code, stderr)
			}
			if err := errors.Join(fs.clean(restored), fs.dirty(restored)); err != nil {
				t.Errorf("the restored disk: %v", err)
			}
			if shareState(t, share) != before {
				t.Error("a file on the share has changed")
			}
			if _, stderr, code := restorefs(t, "verify", "--share", share, id); code != 0 {
				t.Errorf("verify: exit %d: %s", code, stderr)
			}
		})
	}
}

func TestFioVerifiesTheOverlay(t *testing.T) {
	firstPass(t)
	needMount(t)
	need(t, "fio")
	share, id, _ := incremental(t, 32<<20)
	dir := t.TempDir()
	for _, job := range []struct{ name, flags string }{
		{"whole blocks, direct", "--direct=1 --ioengine=libaio --iodepth=16 --bs=4k"},
		{"parts of blocks", "--direct=0 --ioengine=psync --bs=512 --fsync=64"},
		{"many sizes, several writers",
			"--direct=1 --ioengine=libaio --iodepth=8 --bsrange=4k-256k --numjobs=3 --offset_increment=8m"},
		{"mapped", "--ioengine=mmap --bs=4k"},
	} {
		disk, unmount := writableMount(t, share, id, dir)
		args := strings.Fields(
			"--name=job --rw=randwrite --size=4m --io_size=4m --allow_file_create=0 --allow_mounted_write=1 --verify=crc32c --verify_fatal=1 --verify_state_save=0 --randrepeat=1 --end_fsync=1 --output-format=terse " + job.flags)
		args = append(args, "--filename="+disk)
		run(t, "fio", append(args, "--do_verify=1")...)
		unmount(true) // killed, after end_fsync has made it safe
		disk, unmount = writableMount(t, share, id, dir)
		args[len(args)-1] = "--filename=" + disk
		run(t, "fio", append(args, "--verify_only")...)
		unmount(false)
		if _, stderr, code := restorefs(t, "overlay", "discard", "--yes", dir); code != 0 {
			t.Fatalf("%s: discard: exit %d: %s", job.name, code, stderr)
		}
	}
}

func TestAFullDirectoryIsToldToTheWriterAndLosesNothing(t *testing.T) {
	firstPass(t)
	needMount(t)
	need(t, "losetup", "mount", "umount", "mkfs.ext4")
	share, id, content := incremental(t, 8<<20)
	backing := filepath.Join(t.TempDir(), "small")
	if err := os.WriteFile(backing, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(backing, 4<<20); err != nil {
		t.Fatal(err)
	}
	run(t, "mkfs.ext4", "-q", "-O", "^has_journal", backing)
	loop, detach := loopDevice(t, backing)
	small, unmountSmall := mounted(t, loop)
	dir := filepath.Join(small, "overlay")

	disk, unmount := writableMount(t, share, id, dir)
	f := openDisk(t, disk)
	want := bytes.Clone(content)
	page := bytes.Repeat([]byte("full"), 4<<10)
	var off int
	var err error
	for off = 0; off < len(want) && err == nil; off += len(page) {
		if _, err = f.WriteAt(page, int64(off)); err == nil {
			copy(want[off:], page)
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("after %d bytes: %v", off, err)
	}
	refused := off - len(page)
	if err := f.Sync(); err != nil {
		t.Errorf("what was acknowledged cannot be synced: %v", err)
	}
	// Existing data can be replaced and read, and space can be freed.
	if _, err := f.WriteAt([]byte("more"), 100); err != nil {
		t.Errorf("a write to a block that is there: %v", err)
	}
	copy(want[100:], "more")
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	check := func(when string) {
		t.Helper()
		got := readAt(t, disk, len(want), 0)
		// After the refused write each block is either old or new.
		for b := refused; b < refused+len(page); b += 4096 {
			if bytes.Equal(got[b:b+4096], page[:4096]) {
				copy(want[b:], page[:4096])
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the disk is not as written", when)
		}
	}
	check("when it is full")
	unmount(true)
	disk, unmount = writableMount(t, share, id, dir)
	check("after a kill")
	f = openDisk(t, disk)
	if err := syscall.Fallocate(int(f.Fd()), 3, 0, 1<<20); err != nil { // punch a hole
		t.Fatal(err)
	}
	clear(want[:1<<20])
	if _, err := f.WriteAt(page, int64(refused)); err != nil {
		t.Errorf("a write after room was given back: %v", err)
	}
	copy(want[refused:], page)
	f.Close()
	check("after room was given back")
	unmount(false)
	unmountSmall()
	detach()
}

func TestAPartitionAndItsDiskShareTheOverlay(t *testing.T) {
	firstPass(t)
	needMount(t)
	need(t, "sfdisk", "mkfs.ext4", "e2fsck")
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 32<<20); err != nil {
		t.Fatal(err)
	}
	// Two partitions share a block of 4 KiB, because they do not begin at one.
	run(t, "sh", "-c", "printf '63,20001\n20064,20000\n' | sfdisk -q --label dos "+image)
	content, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	share, dir, id := t.TempDir(), t.TempDir(), storetest.ID("partitions")
	storetest.MustWrite(t, share, storetest.Spec{ID: id, VolumeID: storetest.ID("partitioned"),
		Content: storetest.Bytes(content)})
	disk, unmount := writableMount(t, share, id, dir)
	part := func(n string) string { return filepath.Join(filepath.Dir(disk), "partitions", n) }
	whole := openDisk(t, disk)
	first, second := openDisk(t, part("1.raw")), openDisk(t, part("2.raw"))
	same := func(when string, f *os.File, off int64, want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := f.ReadAt(got, off); err != nil || string(got) != want {
			t.Errorf("%s: %q, not %q (%v)", when, got, want, err)
		}
	}
	const border = 20064 * 512
	same("at first", whole, border-4, "\x00\x00\x00\x00\x00\x00\x00\x00")
	for i := range 20 {
		a, b := fmt.Sprintf("end%d", i%10), fmt.Sprintf("new%d", i%10)
		if _, err := first.WriteAt([]byte(a), border-63*512-4); err != nil {
			t.Fatal(err)
		}
		if _, err := second.WriteAt([]byte(b), 0); err != nil {
			t.Fatal(err)
		}
		same("the disk after writes to its partitions", whole, border-4, a+b)
		if _, err := whole.WriteAt([]byte("disk"), border-2); err != nil {
			t.Fatal(err)
		}
		same("the first after a write to the disk", first, border-63*512-4, a[:2]+"di")
		same("the second after a write to the disk", second, 0, "sk"+b[2:])
	}
	for _, f := range []*os.File{first, second, whole} {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	// A file system is made in a partition, as a file and without losetup.
	run(t, "mkfs.ext4", "-q", "-F", part("2.raw"))
	unmount(true)
	disk, unmount = writableMount(t, share, id, dir)
	run(t, "e2fsck", "-fn", part("2.raw"))
	if got := readAt(t, disk, 4, border-4); string(got) != "end9"[:2]+"di" {
		t.Errorf("after a kill: %q", got)
	}
	unmount(false)
}
