package lvm

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// tools runs LVM on two physical volumes, without the device mapper: what it writes is metadata alone.
type tools struct {
	t     *testing.T
	conf  string
	loops []string
	disks []string

	extent int64 // bytes of one, of the group
}

func newTools(t *testing.T, disks ...string) *tools {
	t.Helper()
	guest.NeedMount(t)
	need.Program(t, "lvm", "losetup")
	l := &tools{t: t, conf: t.TempDir(), disks: disks, extent: 256 << 10}
	filter := ""
	for _, disk := range disks {
		loop := strings.TrimSpace(guest.Command(t, "losetup", "-f", "--show", disk))
		t.Cleanup(func() { guest.Command(t, "losetup", "-d", loop) })
		l.loops = append(l.loops, loop)
		filter += `"a|^` + loop + `$|",`
	}
	guest.Write(t, filepath.Join(l.conf, "lvm.conf"), []byte(
		"devices { filter=["+filter+"\"r|.*|\"] use_devicesfile=0 dir=\"/dev\" scan=[\"/dev\"] }\n"+
			"activation { udev_sync=0 udev_rules=0 monitoring=0 }\n"+
			"global { locking_dir=\""+l.conf+"\" event_activation=0 }\nbackup { backup=0 archive=0 }\n"))
	return l
}

func (l *tools) run(args ...string) string {
	l.t.Helper()
	cmd := guest.Program(
		l.t,
		"lvm",
		append(args[:1:1], append([]string{"--driverloaded", "n"}, args[1:]...)...)...)
	cmd.Env = append(os.Environ(), "LVM_SYSTEM_DIR="+l.conf, "LVM_SUPPRESS_FD_WARNINGS=1")
	var out, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &told
	if err := cmd.Run(); err != nil {
		l.t.Fatalf("lvm %q: %v\n%s%s", args, err, &out, &told)
	}
	return out.String()
}

// sources opens the physical volumes.
func (l *tools) sources() (out []Source) {
	l.t.Helper()
	for _, disk := range l.disks {
		f, err := os.Open(disk)
		guest.Must(l.t, err)
		l.t.Cleanup(func() { f.Close() })
		fi, err := f.Stat()
		guest.Must(l.t, err)
		out = append(out, Source{Name: filepath.Base(disk), R: f, Size: fi.Size()})
	}
	return out
}

func noise(t *testing.T, name string, mib int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	data := make([]byte, mib<<20)
	rng := rand.NewChaCha8([32]byte{byte(len(name)), name[0]})
	rng.Read(data)
	clear(data[:1<<20])
	guest.Must(t, os.WriteFile(path, data, 0o600))
	return path
}

func TestVolumesAreWhereLVMSays(t *testing.T) {
	l := newTools(t, noise(t, "one", 24), noise(t, "two", 20))
	l.run(append([]string{"pvcreate", "-q", "-ff", "-y"}, l.loops...)...)
	l.run(append([]string{"vgcreate", "-q", "-s", "256k", "group-1"}, l.loops...)...)
	create := func(args ...string) {
		t.Helper()
		l.run(
			append([]string{"lvcreate", "-q", "-an", "-Zn", "-Wn"}, append(args, "group-1")...)...)
	}
	create("-L", "3M", "-n", "root")
	create("-L", "2M", "-n", "between")
	create("-L", "4M", "-i", "2", "-I", "64k", "-n", "striped")
	l.run("lvextend", "-q", "group-1/root", "-L", "+2M")
	l.run("lvremove", "-q", "-y", "group-1/between")
	volumes, problems, _ := Look(l.sources())
	if len(problems) > 0 {
		t.Errorf("%q", problems)
	}
	var names []string
	for _, v := range volumes {
		names = append(names, v.Group+"/"+v.Name)
		if v.Problem != "" {
			t.Errorf("%s: %s", v.Name, v.Problem)
			continue
		}
		l.compare(v)
	}
	if got := strings.Join(names, " "); got != "group-1/root group-1/striped" {
		t.Errorf("there are %s", got)
	}
	// One of two disks alone: what lies on it is read, what does not is told.
	alone, _, _ := Look(l.sources()[:1])
	for _, v := range alone {
		if v.Name == "striped" && !strings.Contains(v.Problem, "on another disk") ||
			v.Name == "root" && v.Problem != "" {
			t.Errorf("%s: %q", v.Name, v.Problem)
		}
	}
}

// compare compares a volume with what lies where LVM says it is.
func (l *tools) compare(v *Volume) {
	l.t.Helper()
	var want []byte
	for line := range strings.Lines(l.run("lvs", "--segments", "--noheadings", "--units", "b", "--nosuffix", "-o",
		"seg_pe_ranges,stripe_size,stripes", v.Group+"/"+v.Name)) {
		f := strings.Fields(line)
		ranges, size := f[:len(f)-2], number(l.t, f[len(f)-2])
		var parts [][]byte
		for _, r := range ranges {
			name, extents, _ := strings.Cut(r, ":")
			from, to, _ := strings.Cut(extents, "-")
			begin := l.start(name) + number(l.t, from)*l.extent
			end := l.start(name) + (number(l.t, to)+1)*l.extent
			parts = append(parts, l.bytes(name, begin, end-begin))
		}
		if len(parts) == 1 {
			want = append(want, parts[0]...)
			continue
		}
		for at := int64(0); at < int64(len(parts[0])); at += size {
			for _, p := range parts {
				want = append(want, p[at:at+size]...)
			}
		}
	}
	got, err := io.ReadAll(io.NewSectionReader(v, 0, v.Size+1))
	if err != nil || !bytes.Equal(got, want) || len(got) == 0 {
		l.t.Errorf(
			"%s has other bytes than LVM says (%d, %d, %v)",
			v.Name,
			len(got),
			len(want),
			err,
		)
	}
	p := make([]byte, 200_001)
	if n, err := v.ReadAt(p, 130_003); err != nil || !bytes.Equal(p[:n], want[130_003:][:n]) {
		l.t.Errorf("%s: a piece of it is wrong (%v)", v.Name, err)
	}
	if n, err := v.ReadAt(p, v.Size-5); n != 5 || !errors.Is(err, io.EOF) {
		l.t.Errorf("%s: %d bytes at its end, %v", v.Name, n, err)
	}
}

// start returns where the extents of a physical volume begin.
func (l *tools) start(loop string) int64 {
	l.t.Helper()
	return number(l.t, strings.TrimSpace(l.run("pvs", "--noheadings", "--units", "b", "--nosuffix",
		"-o", "pe_start", loop)))
}

// formsEnv says that more than one form is made: the tools of LVM take their time.
const formsEnv = "RESTOREFS_LVM_FORMS"

// Groups, physical volumes and volumes of all forms that have something to do with where data is.
func TestEachFormOfAGroupIsRead(t *testing.T) {
	list := []struct {
		pv, vg string
		extent int64
		lv     string
	}{
		{"", "-s 64k", 64 << 10, "-L 5M"},
		{"", "-s 4M", 4 << 20, "-L 12M"},
		{"--dataalignment 3M", "-s 1M", 1 << 20, "-L 9M -i 2 -I 4k"},
		{"--dataalignment 64k --dataalignmentoffset 12k", "-s 128k", 128 << 10, "-L 7M -i 2 -I 128k"},
		{"--bootloaderareasize 2M", "-s 256k", 256 << 10, "-L 8M -i 2 -I 32k"},
		{"--metadatasize 4M", "-s 512k", 512 << 10, "-L 15M"},
		{"--pvmetadatacopies 2", "-s 256k", 256 << 10, "-L 10M -i 2 -I 256k"},
		{"--labelsector 3", "-s 256k", 256 << 10, "-L 3M"},
		{"", "-s 384k --alloc anywhere", 384 << 10, "-l 45%VG"},
		{"", "-s 256k --vgmetadatacopies 1 --maxlogicalvolumes 7", 256 << 10, "-L 6M --contiguous y"},
	}
	if os.Getenv(guest.RootEnv) == "" && os.Getenv(formsEnv) == "" {
		list = list[3:4]
	}
	for _, c := range list {
		t.Run(c.pv+c.vg+c.lv, func(t *testing.T) {
			l := newTools(t, noise(t, "one", 24), noise(t, "two", 24))
			l.extent = c.extent
			l.run(append(append([]string{"pvcreate", "-q", "-ff", "-y"}, strings.Fields(c.pv)...), l.loops...)...)
			l.run(append(append([]string{"vgcreate", "-q"}, strings.Fields(c.vg)...), append([]string{"forms"}, l.loops...)...)...)
			for _, name := range []string{"first", "second"} {
				l.run(append(append([]string{"lvcreate", "-q", "-an", "-Zn", "-Wn", "-n", name}, strings.Fields(c.lv)...),
					"forms")...)
			}
			volumes, problems, _ := Look(l.sources())
			if len(problems) > 0 || len(volumes) != 2 {
				t.Fatalf("%d volumes, %q", len(volumes), problems)
			}
			for _, v := range volumes {
				if v.Problem != "" {
					t.Errorf("%s: %s", v.Name, v.Problem)
					continue
				}
				l.compare(v)
			}
		})
	}
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	guest.Must(t, err)
	return n
}

// bytes reads a physical volume by the name of its loop device.
func (l *tools) bytes(loop string, off, n int64) []byte {
	l.t.Helper()
	for i, name := range l.loops {
		if name == loop {
			p := make([]byte, n)
			_, err := l.sources()[i].R.ReadAt(p, off)
			guest.Must(l.t, err)
			return p
		}
	}
	l.t.Fatalf("there is no %s", loop)
	return nil
}
