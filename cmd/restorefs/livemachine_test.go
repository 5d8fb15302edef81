package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// liveRoot is the root file system of a machine with the device mapper's program, made by make
// test-live.
const liveRoot = "../../build/test-live/root.ext4"

// liveMachine is a machine whose second disk is restored while it is used.
type liveMachine struct {
	kernel, initrd, root, disk, dir string
	id                              string
	acked                           int // the last record that the machine said was safe; -1: none
}

// The machine restores a disk and uses it: it loses its power at random moments, the program is
// killed, and at the end the disk is what the machine saw. The steps are in testdata/live/run.sh.
func TestLiveInAMachine(t *testing.T) {
	text := os.Getenv("RESTOREFS_TEST_LIVE")
	if text == "" {
		t.Skip("not in this run: make test-live runs it")
	}
	cuts, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	m := newLiveMachine(t)
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for i := range cuts {
		step := "again"
		if i == 0 {
			step = "first"
		}
		m.boot(t, step, time.Duration(2+random.IntN(8))*time.Second)
	}
	m.boot(t, "killed", 0)
	m.boot(t, "last", 0)
}

func newLiveMachine(t *testing.T) *liveMachine {
	t.Helper()
	need(t, "qemu-system-x86_64", "qemu-img", "mke2fs", "busybox")
	if _, err := os.Stat(liveRoot); err != nil {
		skip(t, "needs the root of a machine, which make test-live makes: %v", err)
	}
	if _, err := os.Stat(filepath.Join(testKernel, "modules/dm-mod.ko")); err != nil {
		skip(t, "needs dm-mod of the kernel: remove build/test-kernel, and make setup makes it: %v", err)
	}
	dir := t.TempDir()
	m := &liveMachine{kernel: kernelFile(t, "boot/vmlinuz-*"), dir: dir, initrd: filepath.Join(dir, "initrd"),
		root: filepath.Join(dir, "root.qcow2"), disk: filepath.Join(dir, "disk.raw"), id: storetest.ID("live machine"), acked: -1}

	// The backup: a file system with files in it.
	files := filepath.Join(dir, "files")
	if err := os.Mkdir(files, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		p := make([]byte, 2<<20)
		if _, err := storetest.Text(int64(len(p)), uint64(i+1)).ReadAt(p, 0); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(files, fmt.Sprintf("file%d", i)), p, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sums := run(t, "sh", "-c", `cd "$0" && md5sum *`, files)
	image := filepath.Join(dir, "volume.ext4")
	run(t, "mke2fs", "-q", "-t", "ext4", "-d", files, image, "1G")
	tree := filepath.Join(dir, "tree")
	share := filepath.Join(tree, "srv/share")
	if err := os.MkdirAll(share, 0o755); err != nil {
		t.Fatal(err)
	}
	storetest.MustWrite(t, share, storetest.Spec{ID: m.id, VolumeID: storetest.ID("live machine's"), Content: fileContent(t, image), Compression: "zlib", FileSize: 8 << 20})

	// The root: that of make test-live, and what the job disk brings.
	bin := filepath.Join(tree, "usr/local/bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "cp", cmp.Or(os.Getenv("RESTOREFS_TEST_PROGRAM"), os.Args[0]), filepath.Join(bin, "restorefs"))
	script, err := os.ReadFile("testdata/live/run.sh")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"srv/sums": sums, "root/run.sh": string(script)} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(tree, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(tree, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	base, err := filepath.Abs(liveRoot)
	if err != nil {
		t.Fatal(err)
	}
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", m.root)
	run(t, "mke2fs", "-q", "-t", "ext4", "-d", tree, filepath.Join(dir, "tree.ext4"), "300M")
	old := make([]byte, 40<<20)
	for i := range old {
		old[i] = 0xA5
	}
	if err := os.WriteFile(m.disk, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(m.disk, 1<<30); err != nil {
		t.Fatal(err)
	}
	m.makeInitrd(t)
	return m
}

func (m *liveMachine) makeInitrd(t *testing.T) {
	t.Helper()
	names, modules := kernelModules(t, "loop", "fuse", "dm-mod")
	files := []file{
		{"dev", nil, fs.ModeDir | 0o755}, {"root", nil, fs.ModeDir | 0o755}, {"job", nil, fs.ModeDir | 0o755}, {"proc", nil, fs.ModeDir | 0o755},
		{"busybox", staticBusybox(t), 0o755},
		{"init", []byte(`#!/busybox sh
/busybox mount -t devtmpfs none /dev
/busybox mount -t proc none /proc
for m in ` + strings.Join(names, " ") + `; do /busybox insmod /$m.ko; done
until [ -e /dev/vdb ] && [ -e /dev/vdc ]; do /busybox sleep 0.1; done
/busybox mount -t ext4 /dev/vda /root
/busybox mount -o ro -t ext4 /dev/vdb /job
[ -e /root/root/run.sh ] || { /busybox cp -a /job/. /root/; /busybox sync; }
/busybox umount /job
/busybox sed 's/.*job:\([^ ]*\).*/\1/; s/,/\n/g' /proc/cmdline > /root/root/env
/busybox umount /proc
/busybox mount -o move /dev /root/dev
exec /busybox switch_root /root /bin/bash /root/run.sh
`), 0o755},
	}
	if err := os.WriteFile(m.initrd, cpio(append(files, modules...)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// boot runs the machine through a step: to its end, or until it has been writing for so long, when it
// loses its power.
func (m *liveMachine) boot(t *testing.T, step string, cut time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "768M", "-nodefaults", "-no-reboot",
		"-display", "none", "-serial", "stdio", "-kernel", m.kernel, "-initrd", m.initrd,
		"-append", fmt.Sprintf("console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on job:STEP=%s,ACKED=%d,ID=%s,RATE=1MiB", step, m.acked, m.id),
		// Each by -device, or that one is /dev/vda, and those of if=virtio come behind it.
		"-drive", "if=none,id=a,format=qcow2,file="+m.root, "-device", "virtio-blk-pci,drive=a",
		"-drive", "if=none,id=b,format=raw,readonly=on,file="+filepath.Join(m.dir, "tree.ext4"),
		"-device", "virtio-blk-pci,drive=b",
		"-drive", "if=none,id=c,format=raw,file="+m.disk,
		"-device", "virtio-blk-pci,drive=c,serial=live-disk")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Run(step, func(t *testing.T) {
		ended, acks := m.follow(t, out, func() {
			if cut > 0 {
				time.AfterFunc(cut, func() { cmd.Process.Kill() })
			}
		})
		cmd.Wait()
		if !ended && cut == 0 {
			t.Error("the machine did not come to its end")
		}
		if cut > 0 && acks == 0 {
			t.Error("it wrote nothing before its power went")
		}
		t.Logf("%d records were safe, the last is %d", acks, m.acked)
	})
	if t.Failed() {
		t.FailNow()
	}
}

// follow reads the console to its end. writes is called at the first record that is safe.
func (m *liveMachine) follow(t *testing.T, console io.Reader, writes func()) (ended bool, acks int) {
	t.Helper()
	start := time.Now()
	for lines := bufio.NewScanner(console); lines.Scan(); {
		line := strings.TrimRight(lines.Text(), "\r")
		what, rest, _ := strings.Cut(line, " ")
		switch {
		case what == "ACK":
			n, err := strconv.Atoi(rest)
			if err != nil {
				continue // it was cut off
			}
			if m.acked = max(m.acked, n); acks == 0 {
				writes()
			}
			acks++
			continue
		case line == "THE END":
			ended = true
		case what == "FAIL":
			t.Error(rest)
		}
		t.Logf("%6.1f %s", time.Since(start).Seconds(), line)
	}
	return ended, acks
}
