package inside

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// ext4Image makes an ext4 of 4 MiB that has one file, "hello".
func ext4Image(t *testing.T, args ...string) []byte {
	t.Helper()
	need.Program(t, "mke2fs")
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(filepath.Join(dir, "hello"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append(
		append([]string{"-q", "-t", "ext4", "-b", "1024", "-d", dir}, args...),
		path,
		"20M",
	)
	if out, err := exec.Command("mke2fs", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// looked looks at a disk of one part.
func looked(t *testing.T, data []byte) *Part {
	t.Helper()
	d, err := Look(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(d.Parts) != 1 || d.Parts[0].Name != Whole {
		t.Fatalf("%+v, %v", d, err)
	}
	return d.Parts[0]
}

func TestAFileSystemOpens(t *testing.T) {
	data := ext4Image(t, "-L", "label")
	p := looked(t, data)
	if !p.Readable() || p.Kind != "ext4" || p.Label != "label" {
		t.Errorf("%+v", p)
	}
	reads(t, p)
	// The first superblock is gone: nothing tells the kind, and the second one is read.
	clear(data[1024:2048])
	p = looked(t, data)
	if p.Readable() {
		t.Errorf("it is taken for %s", p.Kind)
	}
	reads(t, p)
}

func reads(t *testing.T, p *Part) {
	t.Helper()
	f, err := p.Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	ino, err := f.Lookup(f.Root(), "hello")
	if err != nil {
		t.Fatal(err)
	}
	file, err := f.Open(ino)
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 5)
	if _, err := file.ReadAt(text, 0); string(text) != "hello" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestWhatIsNotReadIsNamed(t *testing.T) {
	luks := make([]byte, 1<<20)
	copy(luks, "LUKS\xba\xbe\x00\x02")
	for _, c := range []struct {
		data []byte
		want string
	}{
		{luks, "disk is LUKS2, whose files are not read here"},
		{make([]byte, 1<<20), "disk holds nothing that is known here"},
	} {
		_, err := looked(t, c.data).Open(Options{})
		if _, ok := errors.AsType[*UnreadableError](err); !ok || err.Error() != c.want {
			t.Errorf("%v, not %s", err, c.want)
		}
	}
}

// volumeDisk makes a disk with a physical volume of LVM in a partition, and an ext4 in a logical one.
func volumeDisk(t *testing.T) []byte {
	t.Helper()
	need.Root(t)
	need.Program(t, "lvm", "losetup")
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		need.Missing(t, "needs loop devices")
	}
	command := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "LVM_SUPPRESS_FD_WARNINGS=1")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %q: %v", name, args, err)
		}
		return strings.TrimSpace(string(out))
	}
	path := filepath.Join(t.TempDir(), "disk")
	disk := make([]byte, 32<<20)
	entry := disk[446:]
	entry[4], entry[9] = 0x8e, 8 // sector 2048
	entry[12], entry[13] = 0, 0xf0
	disk[510], disk[511] = 0x55, 0xaa
	if err := os.WriteFile(path, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	loop := command("losetup", "-f", "--show", "-o", "1048576", path)
	defer command("losetup", "-d", loop)
	config := `devices { filter=["a|^` + loop + `$|","r|.*|"] use_devicesfile=0 } global { locking_dir="` + t.TempDir() +
		`" event_activation=0 } backup { backup=0 archive=0 }`
	lvm := func(args ...string) string {
		t.Helper()
		return command(
			"lvm",
			append([]string{args[0], "--config", config, "--driverloaded", "n"}, args[1:]...)...)
	}
	lvm("pvcreate", "-q", "-ff", "-y", loop)
	lvm("vgcreate", "-q", "group", loop)
	lvm("lvcreate", "-q", "-an", "-Zn", "-Wn", "-L", "20M", "-n", "root", "group")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(data[2<<20:], ext4Image(t)) // the first extent is a MiB behind the start of the partition
	return data
}

func TestALogicalVolumeIsAPart(t *testing.T) {
	data := volumeDisk(t)
	d, err := Look(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(d.Parts) != 2 || len(d.Problems) > 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	if pv := d.Parts[0]; pv.Name != "p1" || !pv.Container || pv.Readable() {
		t.Errorf("%+v", pv)
	}
	if lv := d.Parts[1]; lv.Name != "group/root" || lv.Kind != "ext4" || lv.Container {
		t.Errorf("%+v", lv)
	}
	reads(t, d.Parts[1])
}
