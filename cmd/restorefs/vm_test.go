package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// testKernel is a Debian kernel, unpacked and not installed, made by make setup.
const testKernel = "../../build/test-kernel"

// kernelModules returns the modules that the test kernel needs to see a virtio disk, and the others
// that it should have, in the order in which to load them. Built-in ones are left out.
func kernelModules(t *testing.T, others ...string) (names []string, files []file) {
	t.Helper()
	for _, name := range append([]string{"virtio_ring", "virtio", "virtio_pci_legacy_dev",
		"virtio_pci_modern_dev", "virtio_pci", "virtio_blk"}, others...) {
		text, err := os.ReadFile(filepath.Join(testKernel, "modules", name+".ko"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		names, files = append(names, name), append(files, file{name + ".ko", text, 0o644})
	}
	return names, files
}

// guest is a machine that boots from a disk made by the test, writes a file and powers off.
type guest struct {
	kernel, initrd string
	disk           string // raw: one partition with the root file system, at 1 MiB
}

// kernelFile finds a file of the test kernel.
func kernelFile(t *testing.T, pattern string) string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		skip(t, "needs amd64, the kernel's")
	}
	found, _ := filepath.Glob(filepath.Join(testKernel, pattern))
	if len(found) != 1 {
		skip(t, "needs a kernel in build/test-kernel, which make setup puts there: %s: %d files",
			pattern, len(found))
	}
	return found[0]
}

// staticBusybox is the program busybox, which must need no library.
func staticBusybox(t *testing.T) []byte {
	t.Helper()
	path, err := exec.LookPath("busybox")
	if err != nil {
		skip(t, "needs a static busybox (package busybox-static): %v", err)
	}
	bin, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer bin.Close()
	for _, p := range bin.Progs {
		if p.Type == elf.PT_INTERP {
			skip(t, "needs a static busybox (package busybox-static)")
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// newGuest makes the disk with a partition table of that kind.
func newGuest(t *testing.T, label string) guest {
	t.Helper()
	need(t, "qemu-system-x86_64", "qemu-img", "busybox", "mke2fs", "debugfs", "sfdisk")
	program := staticBusybox(t)
	dir := t.TempDir()
	g := guest{kernel: kernelFile(t, "boot/vmlinuz-*"), initrd: filepath.Join(dir, "initrd"),
		disk: filepath.Join(dir, "disk.raw")}

	names, modules := kernelModules(t)
	files := []file{
		{"dev", nil, fs.ModeDir | 0o755}, {"proc", nil, fs.ModeDir | 0o755},
		{"root", nil, fs.ModeDir | 0o755},
		{"busybox", program, 0o755},
		{"init", []byte(`#!/busybox sh
set -e
/busybox mount -t devtmpfs none /dev
/busybox mount -t proc none /proc
for m in ` + strings.Join(names, " ") + `; do /busybox insmod /$m.ko; done
until [ -e /dev/vda1 ]; do /busybox sleep 0.1; done
/busybox mount -t ext4 /dev/vda1 /root
exec /busybox switch_root /root /sbin/init
`), 0o755},
	}
	files = append(files, modules...)
	if err := os.WriteFile(g.initrd, cpio(files), 0o600); err != nil {
		t.Fatal(err)
	}

	// The root file system.
	root := filepath.Join(dir, "root")
	run(t, "mkdir", "-p", root+"/sbin", root+"/bin", root+"/proc", root+"/etc")
	for name, text := range map[string][]byte{
		"bin/busybox": program,
		"etc/motd":    []byte("a machine that was backed up\n"),
		"sbin/init": []byte(`#!/bin/busybox sh
/bin/busybox mount -t proc none /proc
/bin/busybox cat /etc/motd
echo "written by the guest" >/written && /bin/busybox sync && /bin/busybox mount -o remount,ro / && echo "the guest is done"
/bin/busybox poweroff -f
`),
	} {
		if err := os.WriteFile(filepath.Join(root, name), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	system := filepath.Join(dir, "root.ext4")
	run(t, "mke2fs", "-q", "-t", "ext4", "-d", root, system, "30M")
	run(t, "truncate", "-s", "32M", g.disk)
	run(t, "sh", "-c",
		`printf "label: $2\nsize=30MiB\n" | sfdisk -q "$0" && dd if="$1" of="$0" bs=1M seek=1 conv=notrunc,sparse status=none`, g.disk, system, label)
	return g
}

// boot runs the machine from a disk until it powers off.
func (g guest) boot(t *testing.T, disk, format string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	start := time.Now()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg", "-m", "192M",
		"-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
		"-kernel", g.kernel, "-initrd", g.initrd, "-append", "console=ttyS0 quiet panic=-1",
		"-drive", "if=virtio,format="+format+",file="+disk)
	console, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(console, []byte("a machine that was backed up")) ||
		!bytes.Contains(console, []byte("the guest is done")) {
		t.Fatalf("%v: %s", err, console)
	}
	t.Logf("booted, wrote and powered off in %v", time.Since(start).Round(time.Second))
}

// mustHaveWritten looks for the file that the guest writes, on a raw disk.
func (g guest) mustHaveWritten(t *testing.T, disk string) {
	t.Helper()
	if text := run(t, "debugfs", "-R", "cat /written",
		disk+"?offset=1048576"); !strings.Contains(text, "written by the guest") {
		t.Errorf("what the guest wrote: %s", text)
	}
}

// sums returns the SHA-256 of all files below a directory.
func sums(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	found := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		found[path] = sha256.Sum256(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// backedUp makes a share with a backup of the guest's disk, of two layers.
func (g guest) backedUp(t *testing.T) (share string, b storetest.Backup) {
	t.Helper()
	share = t.TempDir()
	now := fileContent(t, g.disk)
	before := storetest.Overlay(now, storetest.Text(now.Size(), 3),
		storetest.Extent{Offset: 8 << 20, Length: 4 << 20})
	full := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("vm 1"),
		VolumeID: storetest.ID("vm"), Content: before})
	b = storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("vm 2"),
		VolumeID: storetest.ID("vm"), Content: now,
		ParentID: full.ID, Parent: before, Compression: "zstd",
		Created: time.Date(2026, 2, 2, 12, 0, 0, 0, time.UTC)})
	return share, b
}

// unchanged fails if the share has changed, or its backup is damaged.
func unchanged(t *testing.T, share string, before map[string][32]byte, id string) {
	t.Helper()
	if !maps.Equal(before, sums(t, share)) {
		t.Error("the share was changed")
	}
	if stdout, stderr, code := restorefs(t, "verify", "--share", share, id); code != 0 {
		t.Errorf("verify: exit %d: %s%s", code, stdout, stderr)
	}
}

func TestAMachineBootsFromAMountedBackupThroughAQcow2Overlay(t *testing.T) {
	firstPass(t)
	needMount(t)
	g := newGuest(t, "dos")
	share, b := g.backedUp(t)
	before := sums(t, share)
	mountpoint, _ := mountShare(t, share)
	disk := filepath.Join(mountpoint, "backups", b.ID, "volume.raw")
	over := filepath.Join(t.TempDir(), "over.qcow2")
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", disk, "-F", "raw", over)
	g.boot(t, over, "qcow2")
	raw := filepath.Join(t.TempDir(), "after.raw")
	run(t, "qemu-img", "convert", "-O", "raw", over, raw)
	g.mustHaveWritten(t, raw)
	if text := run(t, "debugfs", "-R", "cat /written",
		disk+"?offset=1048576"); strings.Contains(text, "written by the guest") {
		t.Error("the write went into the backup")
	}
	unchanged(t, share, before, b.ID)
}

func TestAMachineBootsFromADiskWithAnOverlay(t *testing.T) {
	firstPass(t)
	needMount(t)
	g := newGuest(t, "gpt")
	share, b := g.backedUp(t)
	before := sums(t, share)
	over := t.TempDir()
	mountpoint, server := mountShare(t, share, "--overlay", over)
	disk := filepath.Join(mountpoint, "backups", b.ID, "volume.raw")
	g.boot(t, disk, "raw")
	g.mustHaveWritten(t, disk)
	// In the partition's file too, after a remount, and in a restore.
	part := filepath.Join(mountpoint, "backups", b.ID, "partitions", "1.raw")
	if text := run(t, "debugfs", "-R", "cat /written", part); !strings.Contains(text,
		"written by the guest") {
		t.Errorf("through the partition: %s", text)
	}
	run(t, "e2fsck", "-fn", part)
	if _, stderr, code := restorefs(t, "unmount", mountpoint); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	server.Wait()
	target := filepath.Join(t.TempDir(), "restored.raw")
	if _, stderr, code := restorefs(t, "materialize", "--share", share, "--overlay", over, b.ID,
		target); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	g.mustHaveWritten(t, target)
	mountpoint, _ = mountShare(t, share)
	disk = filepath.Join(mountpoint, "backups", b.ID, "volume.raw")
	if text := run(t, "debugfs", "-R", "cat /written",
		disk+"?offset=1048576"); strings.Contains(text, "written by the guest") {
		t.Error("the write went into the backup")
	}
	unchanged(t, share, before, b.ID)
}

// file is one entry of an initial RAM file system.
type file struct {
	name string
	text []byte
	mode fs.FileMode
}

// cpio writes the newc form; see Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
func cpio(files []file) []byte {
	var out bytes.Buffer
	pad := func() { out.Write(make([]byte, -out.Len()&3)) }
	for i, f := range append(files, file{name: "TRAILER!!!"}) {
		mode := uint32(f.mode.Perm()) | 0o100000
		if f.mode.IsDir() {
			mode = uint32(f.mode.Perm()) | 0o040000
		}
		fmt.Fprintf(&out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
			i+1, mode, 0, 0, 1, 0, len(f.text), 0, 0, 0, 0, len(f.name)+1, 0)
		out.WriteString(f.name + "\x00")
		pad()
		out.Write(f.text)
		pad()
	}
	return out.Bytes()
}
