package main

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// nfsMachine is the root file system of a machine that serves NFS, made by make test-nfs.
const nfsMachine = "../../build/test-nfs/root.ext4"

// nfsModules are those of the kernel's NFS server and clients, and of a network that loses packets,
// each after what it needs.
var nfsModules = []string{
	"loop", "fuse", "netfs", "fscache", "sunrpc", "oid_registry", "auth_rpcgss", "grace", "lockd", "nfs_acl", "nfs_ssc",
	"dns_resolver", "nfs", "nfsv3", "nfsv4", "nfsd", "sch_netem",
}

// The kernel's own server, its client and the program's, in a machine. The cases are in
// testdata/nfs/run.sh.
func TestOverTheKernelsNFS(t *testing.T) {
	if os.Getenv("RESTOREFS_TEST_NFS") == "" {
		t.Skip("not in this run: make test-nfs runs it")
	}
	times := 1
	if os.Getenv("RESTOREFS_NFS_LONG") != "" {
		times = 10
	}
	m := newNFSMachine(t, times)
	said, ended := m.run(t, time.Duration(10+5*times)*time.Minute)
	for name, result := range said {
		t.Run(name, func(t *testing.T) {
			if result != "PASS" {
				t.Error("see the console above")
			}
		})
	}
	if !ended {
		t.Errorf("the machine did not come to its end, after %d cases", len(said))
	}
}

// newNFSMachine makes a machine whose PID 1 runs the cases.
func newNFSMachine(t *testing.T, times int) machine {
	t.Helper()
	need(t, "qemu-system-x86_64", "qemu-img", "mke2fs", "busybox", "make")
	if _, err := os.Stat(nfsMachine); err != nil {
		skip(t, "needs the root of a machine, which make test-nfs makes: %v", err)
	}
	dir := t.TempDir()
	m := machine{kernel: kernelFile(t, "boot/vmlinuz-*"), initrd: filepath.Join(dir, "initrd"), disk: filepath.Join(dir, "disk.qcow2"), job: filepath.Join(dir, "job.ext4")}
	tree := filepath.Join(dir, "tree")
	share := filepath.Join(tree, "srv/export")
	for _, dir := range []string{share, filepath.Join(tree, "job"), filepath.Join(tree, "usr/local/bin")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "make", "-s", "-C", "../..", "install", "DESTDIR="+tree, "BUILD="+t.TempDir(), "SBIN=")
	content := storetest.Text(6<<20, 7)
	b := storetest.MustWrite(t, share, storetest.Spec{
		ID: storetest.ID("machine"), VolumeID: storetest.ID("machine's"), Content: content, Compression: "zlib", FileSize: 1 << 20,
	})
	other := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("other"), VolumeID: storetest.ID("other's"), Content: storetest.Text(1<<20, 8)})
	script, err := os.ReadFile("testdata/nfs/run.sh")
	if err != nil {
		t.Fatal(err)
	}
	volume := make([]byte, content.Size())
	if _, err := content.ReadAt(volume, 0); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"job/run.sh": script, "srv/volume": volume,
		"job/env": fmt.Appendf(nil, "ID=%s OTHER=%s DIR=%s LONG=%d\n", b.ID, other.ID, b.Container, times),
	} {
		if err := os.WriteFile(filepath.Join(tree, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "sh", "-c", "chown -R 64061:64061 \"$0\" && chmod -R o= \"$0\"/??", share) // as Cinder leaves them
	run(t, "mke2fs", "-q", "-t", "ext4", "-d", tree, m.job, "100M")
	base, err := filepath.Abs(nfsMachine)
	if err != nil {
		t.Fatal(err)
	}
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", m.disk)
	names, modules := kernelModules(t, nfsModules...)
	files := []file{
		{"dev", nil, fs.ModeDir | 0o755}, {"root", nil, fs.ModeDir | 0o755}, {"job", nil, fs.ModeDir | 0o755},
		{"busybox", staticBusybox(t), 0o755},
		{"init", []byte(`#!/busybox sh
set -e
/busybox mount -t devtmpfs none /dev
for m in ` + strings.Join(names, " ") + `; do /busybox insmod /$m.ko; done
until [ -e /dev/vdb ]; do /busybox sleep 0.1; done
/busybox mount -t ext4 /dev/vda /root
/busybox mount -o ro -t ext4 /dev/vdb /job
/busybox cp -a /job/. /root/
/busybox umount /job
/busybox mount -o move /dev /root/dev
exec /busybox switch_root /root /bin/bash /job/run.sh
`), 0o755},
	}
	if err := os.WriteFile(m.initrd, cpio(append(files, modules...)), 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

// run boots the machine and returns the results of its cases when it has powered off, and whether it
// came to its end.
func (m machine) run(t *testing.T, limit time.Duration) (said map[string]string, ended bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "768M", "-nodefaults", "-no-reboot",
		"-display", "none", "-serial", "stdio", "-kernel", m.kernel, "-initrd", m.initrd,
		"-append", "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on",
		"-drive", "if=virtio,format=qcow2,cache=unsafe,file="+m.disk,
		"-drive", "if=virtio,format=raw,readonly=on,file="+m.job)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said = map[string]string{}
	var console strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := strings.TrimRight(lines.Text(), "\r")
		fmt.Fprintf(&console, "%6.1f %s\n", time.Since(start).Seconds(), line)
		if testing.Verbose() {
			fmt.Fprintf(os.Stderr, "%6.1f %s\n", time.Since(start).Seconds(), line)
		}
		result, what, _ := strings.Cut(line, " ")
		switch {
		case line == "THE END":
			ended = true
		case result == "FAIL" || result == "PASS" && said[what] == "":
			said[what] = result
		}
	}
	cmd.Wait() // a machine that was killed has not said that it is at its end
	if !testing.Verbose() {
		t.Logf("the console:\n%s", console.String())
	}
	return said, ended
}
