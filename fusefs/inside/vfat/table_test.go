package vfat

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func TestFATIsWhatMtoolsWrote(t *testing.T) {
	from := source(t, 120)
	for _, c := range []struct {
		kib        int64
		args, kind string
	}{
		{2 << 10, "-F 12", "FAT12"},
		{2 << 10, "-F 12 -s 8 -f 1", "FAT12"},
		{8 << 10, "-F 16 -s 1", "FAT16"},
		{32 << 10, "-F 16 -s 4 -r 1024", "FAT16"},
		{64 << 10, "-F 16 -s 1 -S 4096", "FAT16"},
		{40 << 10, "-F 32 -s 1", "FAT32"},
		{600 << 10, "", "FAT32"},
	} {
		t.Run(fmt.Sprintf("%d KiB %s", c.kib, c.args), func(t *testing.T) {
			args := append(
				[]string{"mkfs.vfat", "-n", "EFI PART", "-i", "12ab34cd"},
				strings.Fields(c.args)...)
			image := mkfs(t, c.kib, args...)
			populate(t, image, from)
			f := opened(t, image)
			i := f.Info()
			if i.Kind != c.kind || i.Label != "EFI PART" || i.UUID != "12AB-34CD" ||
				i.Journal != "clean" ||
				len(i.Notes) > 0 {
				t.Errorf("%+v", i)
			}
			same(t, ownTree(t, f), hostTree(t, from))
		})
	}
}

func TestAFileInPieces(t *testing.T) {
	dir := t.TempDir()
	var data []byte
	for i := range 50 {
		name := filepath.Join(dir, fmt.Sprintf("f%02d", i))
		guest.Must(
			t,
			os.WriteFile(name, []byte(strings.Repeat(fmt.Sprintf("%02d", i), 2000)), 0o600),
		)
		data = append(data, fmt.Sprintf("%06d", i)...)
	}
	for len(data) < 300<<10 {
		data = append(data, data...)
	}
	for _, bits := range []string{"12", "16", "32"} {
		kib := map[string]int64{"12": 1 << 10, "16": 8 << 10, "32": 40 << 10}[bits]
		image := mkfs(t, kib, "mkfs.vfat", "-F", bits, "-s", "1")
		populate(t, image, dir)
		var gone []string
		for i := 0; i < 50; i += 2 {
			gone = append(gone, fmt.Sprintf("::/f%02d", i))
		}
		mtools(t, image, "mdel", gone...)
		big := filepath.Join(t.TempDir(), "big")
		guest.Must(t, os.WriteFile(big, data, 0o600))
		mtools(t, image, "mcopy", big, "::/big")
		f := opened(t, image)
		ino, err := f.Lookup(f.Root(), "big")
		guest.Must(t, err)
		file, err := f.Open(ino)
		guest.Must(t, err)
		for _, at := range []int{0, 1, 511, 200_000, len(data) - 7, 4096, 100_001} { // and back again
			p := make([]byte, min(70_000, len(data)-at))
			if n, err := file.ReadAt(p, int64(at)); n != len(p) ||
				string(p) != string(data[at:at+n]) {
				t.Errorf("FAT%s: %d bytes at %d are wrong (%v)", bits, n, at, err)
			}
		}
		if _, err := f.Lookup(f.Root(), "f02"); err == nil {
			t.Errorf("FAT%s: a deleted file is there", bits)
		}
	}
}

// exfatMounted mounts an image with the driver in user space, calls fn with where, and unmounts it.
func exfatMounted(t testing.TB, image string, fn func(root string)) {
	t.Helper()
	guest.NeedMount(t)
	need.Program(t, "mount.exfat-fuse", "losetup")
	if _, err := os.Stat("/dev/fuse"); err != nil {
		need.Missing(t, "needs /dev/fuse")
	}
	root := filepath.Join(t.TempDir(), "mnt")
	guest.Must(t, os.Mkdir(root, 0o700))
	loop := strings.TrimSpace(guest.Command(t, "losetup", "-f", "--show", image))
	defer guest.Command(t, "losetup", "-d", loop)
	cmd := exec.Command("mount.exfat-fuse", "-d", loop, root)
	guest.Must(t, cmd.Start())
	defer cmd.Wait()
	waitMounted(t, root)
	defer guest.Unmount(t, root)
	fn(root)
}

func TestExFATIsWhatAnotherDriverWrote(t *testing.T) {
	from := source(t, 120)
	for _, c := range []struct {
		kib  int64
		args string
	}{
		{4 << 10, ""}, {16 << 10, "-c 512"}, {16 << 10, "-c 4096"}, {300 << 10, ""}, {64 << 10, "-c 32768 -b 65536"},
	} {
		t.Run(fmt.Sprintf("%d KiB %s", c.kib, c.args), func(t *testing.T) {
			args := append([]string{"mkfs.exfat", "-L", "Träger"}, strings.Fields(c.args)...)
			image := mkfs(t, c.kib, args...)
			guest.Must(t, os.WriteFile(filepath.Join(from, "with 😀"), []byte("pair"), 0o644))
			exfatMounted(t, image, func(root string) {
				guest.Command(t, "cp", "-r", "--preserve=timestamps", from+"/.", root)
			})
			f := opened(t, image)
			if i := f.Info(); i.Kind != "exFAT" || i.Label != "Träger" || len(i.Notes) > 0 {
				t.Errorf("%+v", i)
			}
			same(t, ownTree(t, f), hostTree(t, from))
		})
	}
}
