package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// volumeGroup makes files of so many MiB that are physical volumes of LVM, of the one volume
// group/root, which goes from the begin of the first to the end of the last and holds content.
func volumeGroup(t *testing.T, content []byte, mib ...int) (disks []string) {
	t.Helper()
	need(t, "lvm", "losetup")
	if _, err := os.Stat("/dev/loop-control"); err != nil || os.Geteuid() != 0 {
		skip(t, "needs root and loop devices")
	}
	var loops []string
	filter := ""
	for range mib {
		path := filepath.Join(t.TempDir(), "disk")
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, int64(mib[len(disks)])<<20)); err != nil {
			t.Fatal(err)
		}
		loop := strings.TrimSpace(run(t, "losetup", "-f", "--show", path))
		defer run(t, "losetup", "-d", loop)
		disks, loops = append(disks, path), append(loops, loop)
		filter += `"a|^` + loop + `$|",`
	}
	config := `devices { filter=[` + filter + `"r|.*|"] use_devicesfile=0 } global { locking_dir="` + t.TempDir() +
		`" event_activation=0 } backup { backup=0 archive=0 }`
	lvm := func(args ...string) {
		t.Helper()
		run(t, "lvm", append([]string{args[0], "--config", config, "--driverloaded", "n"}, args[1:]...)...)
	}
	lvm(append([]string{"vgcreate", "-q", "-s", "64k", "group"}, loops...)...) // makes the physical volumes
	lvm("lvcreate", "-q", "-an", "-Zn", "-Wn", "-l", "100%FREE", "-n", "root", "group")
	for _, path := range disks {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		const begin = 1 << 20 // of the first extent
		n := min(len(content), int(info.Size()-begin))
		if _, err := f.WriteAt(content[:n], begin); err != nil {
			t.Fatal(err)
		}
		content = content[n:]
	}
	return disks
}

func TestAVolumeOverTwoDisksIsReadWithTheOther(t *testing.T) {
	firstPass(t)
	need(t, "mke2fs")
	from, image := t.TempDir(), filepath.Join(t.TempDir(), "image")
	large := bytes.Repeat([]byte("over both "), 300_000)
	if err := errors.Join(os.WriteFile(from+"/large", large, 0o644)); err != nil {
		t.Fatal(err)
	}
	run(t, "mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", from, image, "5M")
	content, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	share := t.TempDir()
	var ids []string
	for _, path := range volumeGroup(t, content, 4, 4) {
		name := "of the disk " + path
		b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID(name), VolumeID: storetest.ID("volume " + name),
			Content: fileContent(t, path), Compression: "none"})
		ids = append(ids, b.ID)
	}
	for i, id := range ids {
		if _, told, code := restorefs(t, "cat", "--share", share, id, "group/root:/large"); code != 1 ||
			!strings.Contains(told, "lies on another disk") || !strings.Contains(told, `"--with BACKUP"`) {
			t.Errorf("one alone: exit %d: %s", code, told)
		}
		out, told, code := restorefs(t, "cat", "--share", share, "--with", ids[1-i], id, "/large")
		if code != 0 || out != string(large) {
			t.Errorf("with the other: exit %d, %d bytes: %s", code, len(out), told)
		}
	}
	if _, told, code := restorefs(t, "ls", "--share", share, "--with", ids[0], ids[0], "/"); code != 2 {
		t.Errorf("with itself: exit %d: %s", code, told)
	}
	none := smallBackup(t, share, "no LVM")
	if _, told, code := restorefs(t, "ls", "--share", share, "--with", none.ID, ids[0], "/"); code != 1 ||
		!strings.Contains(told, "has no physical volume of LVM") || !strings.Contains(told, "leave out its --with") {
		t.Errorf("with one that has none of it: exit %d: %s", code, told)
	}
}

// A disk of --with is unlocked as the first one is.
func TestAVolumeOverTwoEncryptedDisksIsRead(t *testing.T) {
	firstPass(t)
	need(t, "mke2fs", "qemu-img")
	from, image, key := t.TempDir(), filepath.Join(t.TempDir(), "image"), filepath.Join(t.TempDir(), "key")
	large := bytes.Repeat([]byte("over both "), 300_000)
	if err := errors.Join(os.WriteFile(from+"/large", large, 0o644), os.WriteFile(key, []byte(luksKey), 0o600)); err != nil {
		t.Fatal(err)
	}
	run(t, "mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", from, image, "5M")
	content, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	share := t.TempDir()
	var ids []string
	for i, path := range volumeGroup(t, content, 4, 4) {
		volume := path
		if i == 1 {
			volume = encryptedDisk(t, path, key)
		}
		name := "of the disk " + path
		b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID(name), VolumeID: storetest.ID("volume " + name),
			Content: fileContent(t, volume), Compression: "none"})
		ids = append(ids, b.ID)
	}
	for i, id := range ids {
		out, told, code := restorefs(t, "cat", "--share", share, "--luks-key-file", key, "--with", ids[1-i], id, "/large")
		if code != 0 || out != string(large) {
			t.Errorf("with the other: exit %d, %d bytes: %s", code, len(out), told)
		}
	}
	if _, told, code := restorefs(t, "cat", "--share", share, "--with", ids[1], ids[0], "/large"); code != 1 ||
		!strings.Contains(told, "but LUKS1") || !strings.Contains(told, "--luks-key-file") {
		t.Errorf("without a key: exit %d: %s", code, told)
	}
}

// fillNTFS makes an NTFS of a directory, by its driver in user space.
func fillNTFS(t *testing.T, from string) (image string) {
	t.Helper()
	need(t, "mkntfs", "ntfs-3g", "cp")
	image = filepath.Join(t.TempDir(), "ntfs")
	root := filepath.Join(t.TempDir(), "mnt")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 4<<20), os.Mkdir(root, 0o700)); err != nil {
		t.Fatal(err)
	}
	run(t, "mkntfs", "-q", "-F", "-Q", "-T", "-p", "0", "-H", "16", "-S", "63", image)
	driver := exec.Command("ntfs-3g", "-o", "no_detach", image, root)
	if err := driver.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "NTFS is mounted", func() bool {
		var up, here unix.Stat_t
		return unix.Stat(filepath.Dir(root), &up) == nil && unix.Stat(root, &here) == nil && up.Dev != here.Dev
	})
	run(t, "cp", "-r", "--preserve=timestamps", from+"/.", root)
	if err := errors.Join(unix.Unmount(root, 0), driver.Wait()); err != nil {
		t.Fatal(err)
	}
	return image
}

func TestFilesOfNTFSBtrfsAndLVMInAMount(t *testing.T) {
	firstPass(t)
	needMount(t)
	need(t, "find", "mkfs.btrfs")
	from := t.TempDir()
	for name, text := range map[string]string{
		"a": "first\n", "Program Files/MiXed Case.DLL": strings.Repeat("large ", 1<<15), "日本語-😀.txt": "wide",
		"below/deep/b": "", strings.Repeat("n", 255): "long",
	} {
		path := filepath.Join(from, name)
		when := time.Unix(1_400_000_000+int64(len(name)), 0)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644),
			os.Chtimes(path, when, when)); err != nil {
			t.Fatal(err)
		}
	}
	btrfs := filepath.Join(t.TempDir(), "btrfs")
	if err := errors.Join(os.WriteFile(btrfs, nil, 0o600), os.Truncate(btrfs, 16<<20)); err != nil {
		t.Fatal(err)
	}
	run(t, "mkfs.btrfs", "-q", "-f", "--mixed", "-n", "4096", "--rootdir", from, btrfs)
	content, err := os.ReadFile(btrfs)
	if err != nil {
		t.Fatal(err)
	}
	share, b := partitionedShare(t, fillNTFS(t, from), btrfs, volumeGroup(t, content, 18)[0])
	mountpoint, _ := mountShare(t, share, "--files")
	const format = "%P %y %m %s %T@\\n"
	want := treeLines(t, from, format)
	for _, part := range []string{"1", "2", "group-root"} {
		at := filepath.Join(mountpoint, "backups", b.ID, "files", part)
		run(t, "diff", "-r", from, at)
		if got := treeLines(t, at, format); withoutDirs(got) != withoutDirs(want) {
			t.Errorf("%s: want\n%s\ngot\n%s", part, want, got)
		}
	}
	at := filepath.Join(mountpoint, "backups", b.ID, "files")
	if text, err := os.ReadFile(at + "/1/PROGRAM FILES/mixed case.dll"); len(text) != 6<<15 {
		t.Errorf("by other letters: %d bytes, %v", len(text), err)
	}
	if _, err := os.Stat(at + "/2/A"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("btrfs has no small and capital letters: %v", err)
	}
}

// withoutDirs leaves the directories out, whose sizes and times are no file system's alike.
func withoutDirs(lines string) string {
	var out []string
	for line := range strings.Lines(lines) {
		if !strings.Contains(line, " d 755 ") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}
