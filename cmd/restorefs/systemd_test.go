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

// testMachine is the root file system of a machine with systemd, made by make setup.
const testMachine = "../../build/test-machine/root.ext4"

// shutdownTakes bounds the time from the order to reboot to the machine's end. It takes seconds; a
// hanging unit is killed only after TimeoutStopSec= (90 s).
const shutdownTakes = 60 * time.Second

// What make install installs, in a machine whose PID 1 is systemd. The cases are in
// testdata/systemd/run.sh, which a service of the machine runs in three boots.
func TestUnderSystemd(t *testing.T) {
	if os.Getenv("RESTOREFS_TEST_SYSTEMD") == "" {
		t.Skip("not in this run: make test-systemd runs it")
	}
	m := newMachine(t)
	boots := []struct {
		name string
		says []string
	}{
		{"service", []string{
			"no example is in force",
			"the service starts and serves",
			"a clean stop leaves no complaint in the journal",
			"a mount that is taken down stays down",
			"an idle mount ends for good",
			"a wrong flag is not tried again",
			"a share that comes late is found",
			"a killed server is started anew",
			"the proof of the night finds damage",
			"the proof of the night passes what is whole",
			"the service runs as another user",
			"a user without the drop-in is told what is missing",
			"what a mount of fstab has to say is in the journal",
			"a mount unit stops",
			"the first to come mounts by autofs",
			"an open file keeps an automount",
			"an automount that was idle comes back",
			"an automount whose server was killed comes back",
			"a file system on a disk with an overlay is written",
		}},
		{"fstab", []string{
			"what was written before a shutdown of the service is there",
			"a file system on a disk of fstab's mount is written",
		}},
		{"end", []string{"what was written before a shutdown of fstab's mount is there"}},
	}
	for _, boot := range boots {
		said := m.boot(t, boot.name)
		for _, name := range boot.says {
			t.Run(name, func(t *testing.T) {
				if said[name] != "PASS" {
					t.Errorf("%s, see the console above", said[name])
				}
			})
		}
		if t.Failed() {
			return
		}
	}
}

// machine boots with systemd from a disk that it keeps.
type machine struct {
	kernel, initrd, disk, job string
}

func newMachine(t *testing.T) machine {
	t.Helper()
	need(t, "qemu-system-x86_64", "qemu-img", "mke2fs", "busybox", "make")
	if _, err := os.Stat(testMachine); err != nil {
		skip(t, "needs the root of a machine, which make setup makes: %v", err)
	}
	dir := t.TempDir()
	m := machine{kernel: kernelFile(t, "boot/vmlinuz-*"), initrd: filepath.Join(dir, "initrd"),
		disk: filepath.Join(dir, "disk.qcow2"), job: filepath.Join(dir, "job.ext4")}

	// The parts of this tree that the machine gets. The first boot copies them over its root.
	tree := filepath.Join(dir, "tree")
	run(t, "make", "-s", "-C", "../..", "install", "DESTDIR="+tree, "BUILD="+t.TempDir(),
		"SBIN=/usr/sbin")
	share := filepath.Join(tree, "srv/share")
	if err := os.MkdirAll(share, 0o755); err != nil {
		t.Fatal(err)
	}
	system := filepath.Join(dir, "volume.ext4")
	run(t, "mke2fs", "-q", "-t", "ext4", system, "8M")
	content := fileContent(t, system)
	whole := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("machine"),
		VolumeID: storetest.ID("machine's"), Content: content, Compression: "zlib"})
	broken := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("broken"),
		VolumeID: storetest.ID("broken's"), Content: storetest.Text(1<<20, 7)})
	object := broken.Path("-00001")
	text, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	text[1000] ^= 1
	if err := os.WriteFile(object, text, 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, "cp", system, filepath.Join(tree, "srv/volume"))
	script, err := os.ReadFile("testdata/systemd/run.sh")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"job/run.sh": string(script),
		"job/env":    fmt.Sprintf("ID=%s BROKEN=%s\n", whole.ID, broken.ID),
		"etc/systemd/system/job.service": `[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash /job/run.sh
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
Environment=LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
TimeoutStartSec=infinity
`,
		"etc/systemd/journald.conf": "[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n",
		"etc/machine-id":            "0123456789abcdef0123456789abcdef\n",
		"etc/fstab":                 "/dev/vda / ext4 rw 0 0\n",
	} {
		path := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wants := filepath.Join(tree, "etc/systemd/system/multi-user.target.wants")
	if err := os.MkdirAll(wants, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../job.service", filepath.Join(wants, "job.service")); err != nil {
		t.Fatal(err)
	}
	run(t, "mke2fs", "-q", "-t", "ext4", "-d", tree, m.job, "300M")
	base, err := filepath.Abs(testMachine)
	if err != nil {
		t.Fatal(err)
	}
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", m.disk)

	names, modules := kernelModules(t, "loop", "fuse", "autofs4")
	files := []file{
		{"dev", nil, fs.ModeDir | 0o755}, {"proc", nil, fs.ModeDir | 0o755},
		{"root", nil, fs.ModeDir | 0o755}, {"job", nil, fs.ModeDir | 0o755},
		{"busybox", staticBusybox(t), 0o755},
		{"init", []byte(`#!/busybox sh
set -e
/busybox mount -t devtmpfs none /dev
for m in ` + strings.Join(names, " ") + `; do /busybox insmod /$m.ko; done
until [ -e /dev/vdb ]; do /busybox sleep 0.1; done
/busybox mount -t ext4 /dev/vda /root
[ -e /root/job ] || { /busybox mount -o ro -t ext4 /dev/vdb /job; /busybox cp -a /job/. /root/; /busybox umount /job; }
exec /busybox switch_root /root /sbin/init
`), 0o755},
	}
	files = append(files, modules...)
	if err := os.WriteFile(m.initrd, cpio(files), 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

// boot runs the machine until it reboots, and returns PASS or FAIL for each of its cases. It fails
// the test if the shutdown, from the line "REBOOT NAME" on, takes long or says that the kernel
// could not write.
func (m machine) boot(t *testing.T, name string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	start := time.Now()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-smp", "2",
		"-m", "768M", "-nodefaults", "-no-reboot",
		"-display", "none", "-serial", "stdio", "-kernel", m.kernel, "-initrd", m.initrd,
		"-append", "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on systemd.show_status=1 "+
			"systemd.getty_auto=no systemd.mask=getty-static.service systemd.mask=systemd-user-sessions.service",
		"-drive", "if=virtio,format=qcow2,cache=unsafe,file="+m.disk,
		"-drive", "if=virtio,format=raw,readonly=on,file="+m.job)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	var console strings.Builder
	var down time.Time
	began := start
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := strings.TrimRight(lines.Text(), "\r")
		fmt.Fprintf(&console, "%6.1f %s\n", time.Since(start).Seconds(), line)
		if testing.Verbose() {
			fmt.Fprintf(os.Stderr, "%6.1f %s\n", time.Since(start).Seconds(), line)
		}
		result, what, _ := strings.Cut(line, " ")
		switch {
		case result == "PASS" || result == "FAIL":
			said[what] = result
			t.Logf("%s %s: %.1f s", result, what, time.Since(began).Seconds())
			began = time.Now()
		case line == "REBOOT "+name:
			down = time.Now()
		case !down.IsZero() && (strings.Contains(line, "I/O error") ||
			strings.Contains(line, "Aborting journal")):
			t.Errorf("on the way down: %s", line)
		}
	}
	err = cmd.Wait()
	took := time.Since(down)
	if err != nil || down.IsZero() {
		t.Errorf("the machine did not come to its end: %v", err)
	} else if t.Logf("down in %.1f s", took.Seconds()); took > shutdownTakes {
		t.Errorf("going down took %v", took.Round(time.Second))
	}
	for _, result := range said {
		if result != "PASS" {
			t.Errorf("a case failed")
		}
	}
	if t.Failed() && !testing.Verbose() {
		t.Logf("the console of the boot %q:\n%s", name, console.String())
	}
	return said
}
