package materialize

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// background starts a program and waits until it has written a line.
func background(t *testing.T, name string, args ...string) (line string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		need.Missing(t, "needs %s", name)
	}
	cmd := exec.Command(name, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := cmd.StdinPipe() // closing it ends the program
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	line, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		need.Missing(t, "%s %q does not run here: %v", name, args, err)
	}
	return strings.TrimSpace(line)
}

// holding starts a shell that has path open for writing.
func holding(t *testing.T, path string) { background(t, "sh", "-c", "exec 5<>"+path+"; echo; cat") }

func node(t *testing.T, dev string) string {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(dev, &st); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "node") // not in /dev/shm, which may be nodev
	if err := unix.Mknod(path, unix.S_IFBLK|0o600, int(st.Rdev)); err != nil {
		need.Missing(t, "cannot make device nodes: %v", err)
	}
	if f, err := os.Open(path); err != nil {
		need.Missing(t, "cannot open device nodes: %v", err)
	} else {
		f.Close()
	}
	return path
}

func TestADeviceInUseByAnotherNameIsRefused(t *testing.T) {
	t.Run("a process has it open by a node of its own", func(t *testing.T) {
		dev, _ := newLoop(t, 8<<20)
		holding(t, node(t, dev))
		refusal(t, dev, 1<<20, ReasonOpen, "has ")
	})
	t.Run("a process has it open by a node that is gone, and in another mount namespace", func(t *testing.T) {
		dev, _ := newLoop(t, 8<<20)
		path := node(t, dev)
		background(t, "unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt && cp -a "+path+" /mnt/volume && exec 5<>/mnt/volume && umount -l /mnt; echo; cat")
		refusal(t, dev, 1<<20, ReasonOpen, "has ")
	})
	t.Run("the target is the other name", func(t *testing.T) {
		dev, _ := newLoop(t, 8<<20)
		holding(t, dev)
		refusal(t, node(t, dev), 1<<20, ReasonOpen, "has "+dev)
	})
	t.Run("it is mounted in another mount namespace", func(t *testing.T) {
		dev, _ := newLoop(t, 8<<20)
		tool(t, "mkfs.ext4", "-q", dev)
		background(t, "unshare", "-m", "sh", "-c", "mount "+dev+" /mnt; echo; cat; umount /mnt")
		refusal(t, dev, 1<<20, ReasonMounted, "it is mounted on /mnt in the mount namespace of process ")
	})
	t.Run("the file behind it is open by a hard link", func(t *testing.T) {
		dev, file := newLoop(t, 8<<20)
		link := file + ".other"
		if err := os.Link(file, link); err != nil {
			t.Fatal(err)
		}
		holding(t, link)
		refusal(t, dev, 1<<20, ReasonOpen, link)
	})
	t.Run("the file behind its disk is open, and the target is a partition", func(t *testing.T) {
		loop := unix.Mkdev(7, 1)
		m := &machine{blocks: map[uint64]*block{
			loop: {rdev: loop, name: "loop1", loop: &loopOn{backing: identity{dev: 1, ino: 2}}},
			99:   {rdev: 99, name: "loop1p1", whole: loop},
		}}
		if !m.related(identity{rdev: 99})[identity{dev: 1, ino: 2}] {
			t.Error("not related")
		}
	})
}

type loopOn = loop

func TestAFileInUseByAnotherNameIsRefused(t *testing.T) {
	file := func(t *testing.T) (path, other string) {
		path = filepath.Join(tempDir(t), "disk.raw")
		if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(path, path+".other"); err != nil {
			t.Fatal(err)
		}
		return path, path + ".other"
	}
	t.Run("a process has a hard link open", func(t *testing.T) {
		path, other := file(t)
		holding(t, other)
		refusal(t, path, 1<<20, ReasonOpen, other)
	})
	t.Run("a process has it open that was then deleted by that name", func(t *testing.T) {
		path, other := file(t)
		holding(t, other)
		os.Remove(other)
		refusal(t, path, 1<<20, ReasonOpen, "(deleted)")
	})
	t.Run("a process has it mapped, and closed", func(t *testing.T) {
		path, other := file(t)
		background(t, "python3", "-uc", "import mmap,sys\nf=open(sys.argv[1],'r+b')\nm=mmap.mmap(f.fileno(),0)\nf.close()\nprint()\nsys.stdin.read()", other)
		refusal(t, path, 1<<20, ReasonOpen, other)
	})
	t.Run("a process has it mapped by a name with blanks, at a low address", func(t *testing.T) {
		path, other := file(t)
		blanks := path + "  of my \u00a0own (x) "
		if err := os.Rename(other, blanks); err != nil {
			t.Fatal(err)
		}
		background(t, "python3", "-uc", `
import ctypes, mmap, os, sys
f = os.open(sys.argv[1], os.O_RDWR)
c = ctypes.CDLL(None, use_errno=True)
c.mmap.restype = ctypes.c_void_p
c.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
fixed = 0x100000
assert c.mmap(0x1000000, 1<<20, mmap.PROT_READ|mmap.PROT_WRITE, mmap.MAP_SHARED|fixed, f, 0) == 0x1000000
os.close(f)
print()
sys.stdin.read()`, blanks)
		refusal(t, path, 1<<20, ReasonOpen, "of my")
		link, name, ok := mappedForWriting("01000000-01100000 rw-s 00000000 fe:00 4711      " + blanks + "\n")
		if link != "1000000-1100000" || name != blanks || !ok {
			t.Errorf("%q, %q, %v", link, name, ok)
		}
	})
	t.Run("a loop device shows a hard link", func(t *testing.T) {
		path, other := file(t)
		dev := loopOf(t, other)
		refusal(t, path, 1<<20, ReasonHeld, dev)
	})
	t.Run("one that is only read is not in use", func(t *testing.T) {
		path, other := file(t)
		background(t, "sh", "-c", "exec 5<"+other+"; echo; cat")
		tg, err := Open(t.Context(), path, OpenOptions{Size: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		tg.Close()
	})
}

// The operator may take long to confirm.
func TestATargetThatIsInUseByTheTimeItIsWrittenIsRefused(t *testing.T) {
	vol := newFakeVolume(1<<20, 3)
	path := filepath.Join(tempDir(t), "disk.raw")
	before := make([]byte, 1<<20)
	if err := os.WriteFile(path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	tg, err := Open(t.Context(), path, OpenOptions{Size: vol.Size(), Backup: "b"})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	holding(t, path)
	_, err = Run(t.Context(), vol, tg, Options{})
	if _, refused := err.(*RefusedError); !refused {
		t.Errorf("not refused: %v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("it was written")
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Error("left behind: ", left)
	}
}

// The export trees are as in the kernel's documentation and sources, on the
// machine of fakeHost, as this kernel may have no targets.
func TestAnExportedDeviceOrFileIsRefused(t *testing.T) {
	h := fakeHost(t)
	put := func(path, text string) {
		t.Helper()
		path = filepath.Join(h.sys, path)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	disk := filepath.Join(tempDir(t), "disk.raw")
	os.WriteFile(disk, nil, 0o600)
	nvme := filepath.Join(tempDir(t), "nvme.raw")
	os.WriteFile(nvme, nil, 0o600)
	core := "kernel/config/target/core/"
	put(core+"iblock_0/disk1/info", "Status: ACTIVATED  Max Queue Depth: 128  SectorSize: 512  HwMaxSectors: 1280\n"+
		"        iBlock device: sde  UDEV PATH: /dev/renamed  readonly: 0\n        Major: 8 Minor: 64  CLAIMED: IBLOCK\n")
	put(core+"iblock_0/disk1/udev_path", "/dev/renamed\n")
	put(core+"iblock_0/off/info", "Status: DEACTIVATED  Max Queue Depth: 0\n        Major: 8 Minor: 80  CLAIMED: IBLOCK\n")
	put(core+"fileio_1/f/info", "Status: ACTIVATED  Max Queue Depth: 0\n        TCM FILEIO ID: 0        File: "+disk+"  Size: 8388608  Mode: O_DSYNC Async: 0\n")
	put(core+"fileio_1/f/udev_path", disk+"\n")
	put(core+"fileio_1/gone/info", "Status: ACTIVATED\n        TCM FILEIO ID: 0        File: /no/such/file  Size: 1  Mode: O_DSYNC\n")
	put(core+"pscsi_2/p/info", "Status: ACTIVATED\nSCSI Device Bus Location: Channel ID: 0 Target ID: 1 LUN: 2 Host ID: 3\n        Vendor: QEMU Model: Disk Rev: 1\n")
	put(core+"alua/lu_gps/default_lu_gp/members", "")
	ns := "kernel/config/nvmet/subsystems/nqn.test/namespaces/"
	put(ns+"1/device_path", nvme+"\n")
	put(ns+"1/enable", "1\n")
	put(ns+"2/device_path", disk+"\n")
	put(ns+"2/enable", "0\n")
	put(ns+"3/device_path", "(null)\n")
	if err := os.Symlink("../../3:0:1:2", filepath.Join(h.sys, "devices/sdf/device")); err != nil {
		t.Fatal(err)
	}
	m, err := h.look(identity{})
	if err != nil {
		t.Fatal(err)
	}
	id := func(path string) identity {
		id, _ := identifyPath(path)
		return id
	}
	for what, c := range map[string]struct {
		target identity
		want   string
	}{
		"a block device, by number whatever its name":   {identity{rdev: unix.Mkdev(8, 64)}, "the LIO backstore iblock_0/disk1 serves it to others"},
		"a partition of an exported disk":               {identity{rdev: unix.Mkdev(8, 65)}, "serves /dev/sde to others"},
		"a SCSI device that is passed through":          {identity{rdev: unix.Mkdev(8, 80)}, "the LIO backstore pscsi_2/p"},
		"a file":                                        {id(disk), "the LIO backstore fileio_1/f"},
		"a file that nvmet serves":                      {id(nvme), "NVMe namespace 1 of nqn.test"},
		"a disk that is not exported":                   {identity{rdev: unix.Mkdev(104, 0)}, ""},
		"a disk of a backstore that is not active only": {identity{rdev: unix.Mkdev(8, 16)}, ""},
	} {
		var found []string
		for _, r := range m.users(c.target) {
			if strings.Contains(r.Text, "to others") {
				found = append(found, r.Text)
			}
		}
		if got := strings.Join(found, "; "); (got == "") != (c.want == "") || !strings.Contains(got, c.want) || len(found) > 1 {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
	if !strings.Contains(fmt.Sprint(m.unseen), "what /no/such/file is, which the LIO backstore fileio_1/gone serves") {
		t.Error(m.unseen)
	}
}

func TestANoteSaysWhatCannotBeSeen(t *testing.T) {
	h := fakeHost(t)
	for _, dir := range []string{"module/nvmet", "class"} {
		os.MkdirAll(filepath.Join(h.sys, dir), 0o755)
	}
	os.MkdirAll(filepath.Join(h.proc, "self/ns"), 0o755)
	if err := os.Symlink("pid:[4026532000]", filepath.Join(h.proc, "self/ns/pid")); err != nil {
		t.Fatal(err)
	}
	m, err := h.look(identity{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"exports by nvmet", "outside of this container"} {
		if !strings.Contains(fmt.Sprint(m.unseen), want) {
			t.Errorf("%q does not say %q", m.unseen, want)
		}
	}
	if strings.Contains(fmt.Sprint(m.unseen), "target") {
		t.Error(m.unseen)
	}
}

func TestAnotherUsersProcessesCannotBeSeen(t *testing.T) {
	if os.Geteuid() == 0 {
		h := fakeHost(t)
		os.MkdirAll(filepath.Join(h.proc, "77/fd"), 0o755)
		os.WriteFile(filepath.Join(h.proc, "77/cmdline"), []byte("qemu\x00"), 0o644)
		if err := os.Remove(filepath.Join(h.proc, "77/fd")); err != nil {
			t.Fatal(err)
		}
		m := &machine{}
		h.readOpeners(m, nil) // processes that have ended meanwhile are ignored
		if len(m.unseen) > 0 {
			t.Error(m.unseen)
		}
		return
	}
	m, err := theHost.look(identity{})
	if err != nil || !strings.Contains(fmt.Sprint(m.unseen), "other users") {
		t.Error(m.unseen, err)
	}
}
