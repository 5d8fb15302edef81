package materialize

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeHost writes a sysfs and a procfs like those of a compute node: the system
// on LVM on sda2, a multipath device on sdb and sdc with a partition, an md
// array of sdd1, an unused sde with two unused partitions.
func fakeHost(t *testing.T) host {
	t.Helper()
	h := host{sys: tempDir(t), proc: tempDir(t), dev: tempDir(t)}
	put := func(path, text string) {
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	where := map[string]string{}
	block := func(name, devno, disk string, files ...string) {
		dir := filepath.Join(h.sys, "devices", name)
		if disk != "" {
			dir = filepath.Join(h.sys, "devices", disk, name)
			put(filepath.Join(dir, "partition"), "1\n")
		}
		where[name] = dir
		put(filepath.Join(dir, "dev"), devno+"\n")
		for i := 0; i < len(files); i += 2 {
			put(filepath.Join(dir, files[i]), files[i+1])
		}
		for _, link := range []string{"class/block/" + name, "dev/block/" + devno} {
			os.MkdirAll(filepath.Dir(filepath.Join(h.sys, link)), 0o755)
			if err := os.Symlink(dir, filepath.Join(h.sys, link)); err != nil {
				t.Fatal(err)
			}
		}
	}
	hold := func(upper string, lower ...string) {
		for _, l := range lower {
			for link, to := range map[string]string{
				filepath.Join(where[l], "holders", upper): where[upper],
				filepath.Join(where[upper], "slaves", l):  where[l],
			} {
				os.MkdirAll(filepath.Dir(link), 0o755)
				if err := os.Symlink(to, link); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	block("sda", "8:0", "", "wwid", "naa.1")
	block("sda1", "8:1", "sda")
	block("sda2", "8:2", "sda")
	block("sda3", "8:3", "sda", "start", "4096")
	block("sdb", "8:16", "")
	block("sdc", "8:32", "")
	block("sdd", "8:48", "")
	block("sdd1", "8:49", "sdd")
	block("sde", "8:64", "", "diskseq", "7")
	block("sde1", "8:65", "sde")
	block("sdf", "8:80", "")
	block("dm-0", "253:0", "", "dm/uuid", "LVM-root") // root
	block("dm-1", "253:1", "", "dm/uuid", "LVM-free") // a free logical volume
	block("dm-2", "253:2", "", "dm/uuid", "mpath-3")  // multipath
	block("dm-3", "253:3", "")                        // its partition, mounted
	block("md0", "9:0", "")
	block("cciss!c0d0", "104:0", "")
	hold("dm-0", "sda2")
	hold("dm-1", "sda2")
	hold("dm-2", "sdb", "sdc")
	hold("dm-3", "dm-2")
	hold("md0", "sdd1")
	put(filepath.Join(h.proc, "self/mountinfo"), strings.Join([]string{
		`22 1 253:0 / / rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw`,
		`23 22 8:1 / /boot rw,relatime shared:1 - ext4 /dev/sda1 rw`,
		`24 22 0:35 / /srv/with\040space rw - btrfs /dev/null rw`,
		`25 22 253:3 /sub /mnt/mp rw - xfs /dev/mapper/mp1 rw`,
		`26 22 253:3 / /mnt/mp2 rw - xfs /dev/mapper/mp1 rw`,
		`27 22 253:3 / /mnt/mp3 rw - xfs /dev/mapper/mp1 rw`,
		`28 22 253:3 / /mnt/mp4 rw - xfs /dev/mapper/mp1 rw`,
		`garbage`,
	}, "\n"))
	put(filepath.Join(h.proc, "swaps"), "Filename\tType\tSize\tUsed\tPriority\n/dev/no-longer partition 1 0 -2\n")
	put(filepath.Join(h.proc, "sys/kernel/random/boot_id"), "b00t\n")
	return h
}

func TestUsersAreFoundThroughTheLayers(t *testing.T) {
	h := fakeHost(t)
	m, err := h.look(identity{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name         string
		major, minor uint32
		want         []string // parts of the reasons, in order
	}{
		{"a disk with the system's volume group", 8, 0, []string{
			"/dev/sda1 is mounted on /boot", "/dev/dm-0 (device mapper, LVM, md or similar) stands on /dev/sda2",
			"/dev/dm-0 is mounted on /", "/dev/dm-1 (", "it carries /"}},
		{"the physical volume", 8, 2, []string{"/dev/dm-0 (", "is mounted on /", "/dev/dm-1 (", "it carries /"}},
		{"the root volume", 253, 0, []string{"it is mounted on /", "it carries /"}},
		{"the boot partition", 8, 1, []string{"it is mounted on /boot", "it carries /boot"}},
		{"a free partition of the system disk", 8, 3, nil},
		{"a free volume of the system's volume group", 253, 1, nil},
		{"one path of a multipath device", 8, 16, []string{"/dev/dm-2 (", "/dev/dm-3 (", "/dev/dm-3 is mounted on /mnt/mp, /mnt/mp2, /mnt/mp3, 1 more"}},
		{"a multipath device with a mounted partition", 253, 2, []string{"/dev/dm-3 (", "/mnt/mp"}},
		{"a disk with an array's partition", 8, 48, []string{"/dev/md0 (device mapper, LVM, md or similar) stands on /dev/sdd1"}},
		{"the array's partition", 8, 49, []string{"/dev/md0 ("}},
		{"a free array", 9, 0, nil},
		{"a free disk with free partitions", 8, 64, nil},
		{"a free partition", 8, 65, nil},
		{"a free disk with a slash in its name", 104, 0, nil},
		{"a device that sysfs does not know", 77, 7, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := identity{rdev: unix.Mkdev(c.major, c.minor)}
			got := judge(facts{kind: KindDevice, id: id, size: 10, blank: true, machine: m}, 10)
			if len(got) != len(c.want) {
				t.Fatalf("%+v, want %q", got, c.want)
			}
			for i := range got {
				if !strings.Contains(got[i].Text, c.want[i]) || got[i].Forceable {
					t.Errorf("%+v, want %q", got[i], c.want[i])
				}
			}
		})
	}
}

func TestAMountKnownOnlyByItsSourceIsFound(t *testing.T) {
	rdev := unix.Mkdev(8, 80)
	m := &machine{
		blocks: map[uint64]*block{rdev: {rdev: rdev, name: "sdf"}},
		mounts: []mount{{dev: unix.Mkdev(0, 35), source: identity{rdev: rdev}, point: "/"}},
		swaps:  []swap{{identity{rdev: rdev}, "/dev/sdf"}, {identity{dev: 5, ino: 6}, "/swapfile"}},
	}
	var kinds []ReasonKind
	for _, r := range judge(facts{kind: KindDevice, id: identity{rdev: rdev}, size: 1, blank: true, machine: m}, 1) {
		kinds = append(kinds, r.Kind)
	}
	if !slices.Equal(kinds, []ReasonKind{ReasonMounted, ReasonSwap, ReasonSystem}) {
		t.Error(kinds)
	}
	got := judge(facts{kind: KindFile, id: identity{dev: 5, ino: 6}, blank: true, machine: m}, 1)
	if len(got) != 1 || got[0].Kind != ReasonSwap {
		t.Error(got)
	}
}

func TestReasonsDoNotDriveTheTerminal(t *testing.T) {
	rdev := unix.Mkdev(8, 80)
	m := &machine{mounts: []mount{{dev: rdev, point: "/mnt/\x1b[2J\nok"}}}
	got := judge(facts{kind: KindDevice, id: identity{rdev: rdev}, size: 1, blank: true, machine: m}, 1)
	if len(got) != 1 || got[0].Text != "it is mounted on /mnt/?[2J?ok" {
		t.Errorf("%+v", got)
	}
}

func TestLoopDevicesOnTheSameFile(t *testing.T) {
	file := identity{dev: 1, ino: 2}
	root := unix.Mkdev(254, 0)
	loopDev := func(i uint32, off, limit int64) *block {
		return &block{rdev: unix.Mkdev(7, i), name: fmt.Sprint("loop", i), loop: &loop{backing: file, path: "/img", off: off, limit: limit}}
	}
	m := &machine{blocks: map[uint64]*block{root: {rdev: root, name: "vda"}}}
	for _, b := range []*block{loopDev(0, 0, 100), loopDev(1, 100, 100), loopDev(2, 150, 0)} {
		m.blocks[b.rdev] = b
	}
	m.mounts = []mount{{dev: unix.Mkdev(7, 2), point: "/"}}
	users := func(id identity) string { return fmt.Sprint(m.users(id)) }
	if got := users(identity{rdev: unix.Mkdev(7, 0)}); got != "[]" {
		t.Error("another part of the file:", got)
	}
	if got := users(identity{rdev: unix.Mkdev(7, 1)}); !strings.Contains(got, "/dev/loop2 is mounted") || strings.Contains(got, "loop0") {
		t.Error("an overlapping part:", got)
	}
	if got := users(file); !strings.Contains(got, "loop0") || !strings.Contains(got, "/dev/loop2 is mounted") {
		t.Error("the file:", got)
	}
	// The root filesystem is on a loop device on a file on vda.
	m.blocks[unix.Mkdev(7, 2)].loop.backing = identity{dev: root, ino: 9}
	for id, want := range map[identity]string{{rdev: root}: "/", {dev: root, ino: 9}: "/", {dev: root, ino: 8}: "", {rdev: unix.Mkdev(7, 0)}: ""} {
		if got := m.systemDisk(id); got != want {
			t.Errorf("%+v: %q, want %q", id, got, want)
		}
	}
}

func TestDeviceKeys(t *testing.T) {
	h := fakeHost(t)
	m, err := h.look(identity{})
	if err != nil {
		t.Fatal(err)
	}
	for dev, want := range map[[2]uint32]string{
		{8, 0}:   "wwid naa.1",
		{8, 3}:   "wwid naa.1 partition 1 at 4096",
		{253, 1}: "dm/uuid LVM-free",
		{8, 64}:  "boot b00t disk 7",
		{8, 80}:  "",
		{77, 7}:  "",
	} {
		if got := h.deviceKey(m, unix.Mkdev(dev[0], dev[1])); got != want {
			t.Errorf("%v: %q, want %q", dev, got, want)
		}
	}
}
