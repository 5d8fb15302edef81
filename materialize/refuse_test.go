package materialize

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// refusal opens a target, which must be refused for the reason given, and
// forced only if that is its content.
func refusal(t *testing.T, path string, size int64, kind ReasonKind, text string) {
	t.Helper()
	for _, force := range []bool{false, true} {
		tg, err := Open(t.Context(), path, OpenOptions{Size: size, Force: force})
		if err == nil {
			tg.Close()
		}
		if force && kind == ReasonContent {
			if err != nil {
				t.Errorf("%s: --force does not override: %v", path, err)
			} else if len(tg.Overridden()) == 0 {
				t.Errorf("%s: what was overridden is not said", path)
			}
			continue
		}
		refused, ok := errors.AsType[*RefusedError](err)
		if !ok {
			t.Errorf("%s, force %v: not refused (%v), want %s", path, force, err, kind)
			continue
		}
		found := false
		for _, r := range refused.Reasons {
			found = found || r.Kind == kind && strings.Contains(r.Text, text)
		}
		if !found {
			t.Errorf("%s: %v\nwant %s %q", path, err, kind, text)
		}
		if forceable := strings.Contains(err.Error(), "--force overwrites it"); kind == ReasonContent && !forceable {
			t.Errorf("%s: %v\nsays nothing of --force", path, err)
		}
	}
}

func TestOnlyFilesAndBlockDevicesAreTargets(t *testing.T) {
	dir := tempDir(t)
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	refusal(t, dir, 1, ReasonNotATarget, "directory")
	refusal(t, "/dev/null", 1, ReasonNotATarget, "character device")
	refusal(t, fifo, 1, ReasonNotATarget, "named pipe")

	os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "dangling"))
	for path, want := range map[string]string{
		filepath.Join(dir, "dangling"):          "symbolic link",
		filepath.Join(dir, "no/such/dir"):       "the directory " + filepath.Join(dir, "no/such"),
		"/dev/no-such-disk":                     "no such device",
		"/dev/disk/../no-such-disk":             "",
		filepath.Join(dir, "fifo/under-a-pipe"): "",
	} {
		if tg, err := Open(t.Context(), path, OpenOptions{Size: 1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v %v, want %q", path, tg, err, want)
		}
	}
}

func TestAFileWithContentIsRefused(t *testing.T) {
	dir := tempDir(t)
	for _, c := range []struct {
		name string
		off  int64
		data string
		want string
	}{
		{"unknown bytes at the start", 0, "hello", "not blank"},
		{"unknown bytes at the end", 8<<20 - 3, "end", "not blank"},
		{"qcow2", 0, "QFI\xfb\x00\x00\x00\x03", "qcow2"},
		{"LUKS", 0, "LUKS\xba\xbe\x00\x02", "LUKS encrypted"},
		{"LVM in the second sector", 512, "LABELONE", "LVM physical volume"},
		{"GPT on 512 byte sectors", 512, "EFI PART", "GPT"},
		{"GPT on 4096 byte sectors", 4096, "EFI PART", "GPT"},
		{"GPT of which only the backup is left", 8<<20 - 512, "EFI PART", "GPT"},
		{"md 1.2", 4096, "\xfc\x4e\x2b\xa9", "md RAID"},
		{"md 1.0", 8<<20 - 8192, "\xfc\x4e\x2b\xa9", "md RAID"},
		{"md 0.90", 8<<20 - 64<<10, "\xfc\x4e\x2b\xa9", "md RAID"},
		{"Btrfs", 0x10040, "_BHRfS_M", "Btrfs"},
		{"ZFS", 128<<10 + 3<<10, "\x0c\xb1\xba\x00\x00\x00\x00\x00", "ZFS"},
		{"swap of a machine with 64 KiB pages", 65526, "SWAPSPACE2", "swap area"},
		{"MBR", 446, "\x80\x00\x00\x00\x83" + strings.Repeat("\x00", 59) + "\x55\xaa", "MBR partition table"},
		{"boot sector", 510, "\x55\xaa", "boot sector"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, "f")
			os.Remove(path)
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			f.Truncate(8 << 20)
			f.WriteAt([]byte(c.data), c.off)
			refusal(t, path, 8<<20, ReasonContent, c.want)
		})
	}
}

func TestRealFilesystemsAreNamed(t *testing.T) {
	for _, c := range []struct{ want, tool, arg string }{
		{"ext4 filesystem", "mkfs.ext4", "-q"},
		{"ext2 filesystem", "mkfs.ext2", "-q"},
		{"ext3 filesystem", "mkfs.ext3", "-q"},
		{"XFS filesystem", "mkfs.xfs", "-q"},
		{"Btrfs filesystem", "mkfs.btrfs", "-q"},
		{"swap area", "mkswap", "-q"},
	} {
		t.Run(c.tool, func(t *testing.T) {
			path := filepath.Join(tempDir(t), "f")
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			f.Truncate(310 << 20)
			f.Close()
			tool(t, c.tool, c.arg, path)
			refusal(t, path, 1<<20, ReasonContent, c.want)
		})
	}
}

func TestABlankFileIsNotRefused(t *testing.T) {
	dir := tempDir(t)
	hole, zeros := filepath.Join(dir, "hole"), filepath.Join(dir, "zeros")
	os.WriteFile(hole, nil, 0o600)
	os.Truncate(hole, 10<<20)
	os.WriteFile(zeros, make([]byte, 5<<20), 0o600)
	for path, blank := range map[string]bool{hole: true, zeros: false, filepath.Join(dir, "new"): true} {
		tg, err := Open(t.Context(), path, OpenOptions{Size: 8 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if tg.blank != blank {
			t.Errorf("%s: blank %v", path, tg.blank)
		}
		tg.Close()
	}
}

func TestALockedFileIsRefused(t *testing.T) {
	path := filepath.Join(tempDir(t), "f")
	tg, err := Open(t.Context(), path, OpenOptions{Size: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), newFakeVolume(1<<20, 2), tg, Options{}); err != nil {
		t.Fatal(err)
	}
	refusal(t, path, 1<<20, ReasonOpen, "lock")
	tg.Close()
	refusal(t, path, 1<<20, ReasonContent, "")
}

func TestATargetThatAnotherProcessWritesIsRefused(t *testing.T) {
	path := filepath.Join(tempDir(t), "f")
	os.WriteFile(path, nil, 0o600)
	cmd := exec.Command("sleep", "60")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = f
	if err := cmd.Start(); err != nil {
		need.Missing(t, "%v", err)
	}
	f.Close()
	defer cmd.Wait()
	defer cmd.Process.Kill()
	refusal(t, path, 1<<20, ReasonOpen, "(sleep) has "+path+" open for writing")
}

func TestDevicesInUseAreRefused(t *testing.T) {
	t.Run("mounted, and the file behind it", func(t *testing.T) {
		dev, file := newLoop(t, 64<<20)
		tool(t, "mkfs.ext4", "-q", dev)
		refusal(t, dev, 1<<20, ReasonContent, "ext4 filesystem")
		dir := mountOn(t, dev)
		refusal(t, dev, 1<<20, ReasonMounted, "it is mounted on "+dir)
		refusal(t, file, 1<<20, ReasonMounted, dev+" is mounted on "+dir)
		refusal(t, file, 1<<20, ReasonHeld, "loop device "+dev)

		link := filepath.Join(tempDir(t), "by-id")
		os.Symlink(dev, link)
		refusal(t, link, 1<<20, ReasonMounted, dir)
		_, err := Open(t.Context(), link, OpenOptions{Size: 1 << 20})
		if err == nil || !strings.Contains(err.Error(), link+" ("+dev+")") {
			t.Errorf("the link is not resolved in %v", err)
		}

		second := loopOf(t, file)
		refusal(t, second, 1<<20, ReasonMounted, dev+" is mounted on "+dir)

		inner := filepath.Join(dir, "inner") // a device inside the filesystem
		os.WriteFile(inner, make([]byte, 1<<20), 0o600)
		innerDev := loopOf(t, inner)
		tg, err := Open(t.Context(), innerDev, OpenOptions{Size: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		tg.Close()
	})
	t.Run("a loop device on it", func(t *testing.T) {
		dev, _ := newLoop(t, 8<<20)
		upper := loopOf(t, dev)
		refusal(t, dev, 1<<20, ReasonHeld, upper)
	})
	t.Run("swap", func(t *testing.T) {
		dev, _ := newLoop(t, 8<<20)
		tool(t, "mkswap", dev)
		if out, err := exec.Command("swapon", dev).CombinedOutput(); err != nil {
			need.Missing(t, "swapon: %v %s", err, out)
		}
		defer tool(t, "swapoff", dev)
		refusal(t, dev, 1<<20, ReasonSwap, "it is in use as swap")
	})
	t.Run("a partition is mounted", func(t *testing.T) {
		dev, _ := newLoop(t, 64<<20)
		mbr := make([]byte, 512)
		mbr[446+4], mbr[510], mbr[511] = 0x83, 0x55, 0xaa
		binary.LittleEndian.PutUint32(mbr[446+8:], 2048)
		binary.LittleEndian.PutUint32(mbr[446+12:], 60<<11)
		f, err := os.OpenFile(dev, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(mbr)
		f.Close()
		refusal(t, dev, 1<<20, ReasonContent, "MBR partition table")
		exec.Command("partx", "-d", dev).Run() // partitions that a killed run left on this device
		tool(t, "partx", "-a", dev)
		defer exec.Command("partx", "-d", dev).Run()
		part := dev + "p1"
		if _, err := os.Stat(part); err != nil {
			need.Missing(t, "no partitions on loop devices here")
		}
		tool(t, "mkfs.ext4", "-q", part)
		dir := tempDir(t)
		tool(t, "mount", part, dir)
		defer tool(t, "umount", dir)
		refusal(t, dev, 1<<20, ReasonMounted, part+" is mounted on "+dir)
		refusal(t, part, 1<<20, ReasonMounted, "it is mounted on "+dir)
	})
	t.Run("opened exclusively", func(t *testing.T) {
		dev, _ := newLoop(t, 8<<20)
		tg, err := Open(t.Context(), dev, OpenOptions{Size: 8 << 20})
		if err != nil {
			t.Fatal(err)
		}
		defer tg.Close()
		refusal(t, dev, 1<<20, ReasonOpen, "in use")
	})
	t.Run("open for writing elsewhere", func(t *testing.T) {
		dev, _ := newLoop(t, 8<<20)
		f, err := os.OpenFile(dev, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sleep", "60")
		cmd.Stdout = f
		if err := cmd.Start(); err != nil {
			need.Missing(t, "%v", err)
		}
		f.Close()
		defer cmd.Wait()
		defer cmd.Process.Kill()
		refusal(t, dev, 1<<20, ReasonOpen, "(sleep)")
	})
}

func TestDevicesThatAreTooSmallOrReadOnlyAreRefused(t *testing.T) {
	dev, _ := newLoop(t, 8<<20)
	refusal(t, dev, 8<<20+1, ReasonTooSmall, "1 too few")

	file := filepath.Join(tempDir(t), "ro")
	os.WriteFile(file, make([]byte, 1<<20), 0o600)
	refusal(t, loopOf(t, file, "-r"), 1<<20, ReasonReadOnly, "read-only")
}

func TestATargetOnAReadOnlyFilesystemIsRefused(t *testing.T) {
	dev, _ := newLoop(t, 8<<20)
	tool(t, "mkfs.ext4", "-q", dev)
	dir := tempDir(t)
	tool(t, "mount", dev, dir)
	os.WriteFile(filepath.Join(dir, "old"), nil, 0o600)
	tool(t, "mount", "-o", "remount,ro", dir)
	defer tool(t, "umount", dir)
	refusal(t, filepath.Join(dir, "old"), 1, ReasonReadOnly, "read-only")
	refusal(t, filepath.Join(dir, "new"), 1, ReasonReadOnly, "read-only")
}

func TestTheSystemDiskIsRefused(t *testing.T) {
	var st unix.Stat_t
	if err := unix.Stat("/", &st); err != nil {
		t.Fatal(err)
	}
	m, err := theHost.look(identity{})
	if err != nil {
		t.Fatal(err)
	}
	b := m.blocks[uint64(st.Dev)]
	if b == nil {
		need.Missing(t, "the root filesystem is on no block device here")
	}
	if os.Getuid() != 0 {
		need.Missing(t, "needs root to open the system disk")
	}
	refusal(t, m.name(b.rdev), 1, ReasonSystem, "this machine runs from it: it carries /")
	if b.whole != 0 {
		refusal(t, m.name(b.whole), 1, ReasonSystem, "/")
	}
}
