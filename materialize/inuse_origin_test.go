package materialize

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// devices adds to the machine of fakeHost: one rbd image that is mapped twice, the second time with
// a mounted partition; one iSCSI LUN by two sessions, also with a mount; a ZFS volume; disks of
// bcache and DRBD. The trees are as the kernel's sources make them.
func devices(t *testing.T) host {
	t.Helper()
	h := fakeHost(t)
	put := func(path, text string) {
		t.Helper()
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(path, to string) {
		t.Helper()
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	block := func(dir, devno string, files ...string) {
		dir = filepath.Join(h.sys, "devices", dir)
		put(filepath.Join(dir, "dev"), devno)
		for i := 0; i < len(files); i += 2 {
			put(filepath.Join(dir, files[i]), files[i+1])
		}
		link(filepath.Join(h.sys, "class/block", filepath.Base(dir)), dir)
	}
	for i, image := range []string{"volume-1", "volume-1", "volume-2", ""} {
		n := fmt.Sprint(i)
		block("rbd/"+n+"/block/rbd"+n, "251:"+fmt.Sprint(16*i))
		for file, text := range map[string]string{"pool": "volumes", "pool_ns": "", "name": image, "current_snap": "-",
			"cluster_fsid": "6f1c7c1e-0000-4000-8000-000000000001"} {
			put(filepath.Join(h.sys, "bus/rbd/devices", n, file), text)
		}
	}
	block("rbd/0/block/rbd0/rbd0p1", "251:1", "partition", "1")
	block("rbd/0/block/rbd0/rbd0p2", "251:2", "partition", "2")
	block("rbd/1/block/rbd1/rbd1p1", "251:17", "partition", "1")
	for i, name := range []string{"sdx", "sdy"} {
		dir := fmt.Sprintf("platform/host%d/session%d/target%d:0:0/%d:0:0:1/block/%s", i, i+1, i, i, name)
		block(dir, fmt.Sprintf("65:%d", 16*i), "size", "2048")
		link(filepath.Join(h.sys, "devices", dir, "device"), fmt.Sprintf("../../../%d:0:0:1", i))
		put(filepath.Join(h.sys, "devices", fmt.Sprintf("platform/host%d/session%d/target%d:0:0/%d:0:0:1/wwid", i, i+1, i, i)),
			"naa.60014050000000000000000000000001")
		put(filepath.Join(h.sys, fmt.Sprintf("class/iscsi_session/session%d/targetname", i+1)), "iqn.2010-10.org.openstack:volume-1")
		connection := fmt.Sprintf("class/iscsi_connection/connection%d:0/", i+1)
		put(filepath.Join(h.sys, connection+"persistent_address"), fmt.Sprintf("10.0.0.%d", i+5))
		put(filepath.Join(h.sys, connection+"persistent_port"), "3260")
	}
	block("virtual/block/zd16", "230:16")
	link(filepath.Join(h.dev, "zvol/tank/cinder/volume-1"), "../../../zd16")
	put(filepath.Join(h.dev, "zd16"), "")
	put(filepath.Join(h.proc, "spl/kstat/zfs/tank/state"), "ONLINE")
	put(filepath.Join(h.proc, "spl/kstat/zfs/arcstats"), "")
	block("virtual/block/bcache0", "252:0")
	block("virtual/block/drbd1000", "147:1000")
	block("virtual/block/vdb", "254:16", "bcache/state", "1")
	block("virtual/block/vdc", "254:32", "bcache/set", "")
	block("virtual/block/vdd", "254:48")
	for lower, upper := range map[string]string{"vdb": "bcache0", "vdd": "drbd1000"} {
		link(filepath.Join(h.sys, "devices/virtual/block", lower, "holders", upper), filepath.Join(h.sys, "devices/virtual/block", upper))
	}
	table := filepath.Join(h.proc, "self/mountinfo")
	text, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	put(table, string(text)+"\n"+`30 22 251:17 / /mnt/image rw - ext4 /dev/rbd1p1 rw
31 22 65:16 / /mnt/lun rw - ext4 /dev/sdy rw
32 22 252:0 / /mnt/cached rw - ext4 /dev/bcache0 rw`)
	return h
}

func TestUsedMeansUsedUnderAnotherDevice(t *testing.T) {
	h := devices(t)
	m, err := h.look(identity{})
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		major, minor uint32
		want         []string // reasons, in order
		notes        string
	}{
		"an rbd image that is mapped twice": {251, 0, []string{"/dev/rbd1 has the same bytes as it", "/dev/rbd1p1 is mounted on /mnt/image"},
			"it is the rbd image volumes/volume-1; cannot see whether other machines use that (rbd status volumes/volume-1)"},
		"a partition that is mounted through the other mapping": {251, 1, []string{"/dev/rbd1p1 has the same", "/mnt/image"},
			"it is on the rbd image volumes/volume-1"},
		"a free partition of that image": {251, 2, nil, "it is on the rbd image"},
		"another image":                  {251, 32, nil, "it is the rbd image volumes/volume-2"},
		"an rbd device without a name":   {251, 48, nil, "it is an rbd image"},
		"a LUN that is mounted by its other path": {65, 0, []string{"/dev/sdy has the same bytes as it", "/dev/sdy is mounted on /mnt/lun"},
			"it is LUN 1 of the iSCSI target iqn.2010-10.org.openstack:volume-1 at 10.0.0.5:3260; cannot see"},
		"a ZFS volume":                          {230, 16, nil, "it is the ZFS volume tank/cinder/volume-1"},
		"a disk below bcache":                   {254, 16, []string{"/dev/bcache0 (", "/dev/bcache0 is mounted on /mnt/cached"}, ""},
		"a disk that is registered with bcache": {254, 32, []string{"it is registered with bcache"}, ""},
		"a disk below DRBD":                     {254, 48, []string{"/dev/drbd1000 ("}, ""},
		"a free DRBD device":                    {147, 1000, nil, ""},
	} {
		t.Run(what, func(t *testing.T) {
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
			notes := strings.Join(m.elsewhere(id), "\n")
			if !strings.HasPrefix(notes, c.notes) || (notes == "") != (c.notes == "") {
				t.Errorf("notes %q, want %q", notes, c.notes)
			}
		})
	}
	if !strings.Contains(fmt.Sprint(m.unseen), "which rbd image /dev/rbd3 shows") {
		t.Error(m.unseen)
	}
	if !m.related(identity{rdev: unix.Mkdev(251, 0)})[identity{rdev: unix.Mkdev(251, 17)}] {
		t.Error("who has the partition of the other mapping open is not looked for")
	}
}

// The kernel does not tell which disks and files a pool is on.
func TestPoolsOfZFSAreNamedWhereTheyMayBeTheReason(t *testing.T) {
	m, err := devices(t).look(identity{})
	if err != nil {
		t.Fatal(err)
	}
	free := identity{rdev: unix.Mkdev(8, 64)}
	got := judge(facts{kind: KindDevice, id: free, size: 10, blank: true, busy: true, machine: m}, 10)
	if len(got) != 1 || !strings.Contains(got[0].Text, "part of a ZFS pool, which are tank here") {
		t.Errorf("%+v", got)
	}
	if notes := m.elsewhere(identity{dev: 1, ino: 2}); len(notes) != 1 || !strings.Contains(notes[0], "ZFS pools tank are") {
		t.Error(notes)
	}
	if notes := m.elsewhere(free); len(notes) > 0 { // its exclusive open tells
		t.Error(notes)
	}
}
