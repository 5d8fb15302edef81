package device

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	oneID     = "16cc6e5f-3ed7-43a6-8d37-6125fb65d94d"
	anotherID = "26cc6e5f-3ed7-43a6-8d37-6125fb65d94d"
)

func TestADiskSaysWhichVolumeItIs(t *testing.T) {
	for name, test := range map[string]struct{ file, text string }{
		"virtio":             {"serial", anotherID[:20]},
		"NVMe":               {"device/serial", anotherID[:20] + "   \n"},
		"SCSI":               {"device/vpd_pg80", "\x00\x80\x00\x24" + anotherID},
		"a device of LVM":    {"dm/name", "cinder--volumes-volume--" + strings.ReplaceAll(anotherID, "-", "--") + "\n"},
		"a partition of one": {"../serial", anotherID[:20]},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "vdb", "vdb1")
			write := func(file, text string) {
				path := dir + "/" + file
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if strings.HasPrefix(test.file, "..") {
				write("partition", "1\n")
			}
			write(test.file, test.text)
			for id, ok := range map[string]bool{anotherID: true, oneID: false} {
				if other := contradiction(namesInSysfs(dir), id); (other == nil) != ok {
					t.Errorf("%s: %v", id, other)
				}
			}
		})
	}
}

func TestALoopDeviceIsTheVolumeOfItsFile(t *testing.T) {
	device := loopOf(t, filepath.Join(t.TempDir(), "volume-"+anotherID), 1<<20)
	for id, ok := range map[string]bool{anotherID: true, strings.ToUpper(anotherID): true, oneID: false} {
		if other := OtherVolume(device, id); (other == nil) != ok {
			t.Errorf("%s: %v", id, other)
		}
	}
}

func TestANameThatSaysNothingIsNoContradiction(t *testing.T) {
	for name, other := range map[string]string{
		"volume-" + anotherID:                   anotherID,
		"virtio-" + anotherID[:20]:              anotherID[:20],
		"scsi-0QEMU_QEMU_HARDDISK_" + anotherID: anotherID,
		"vg-volume-" + anotherID + "-part1":     anotherID,
		"volume-" + oneID:                       "",
		"virtio-" + strings.ToUpper(oneID[:20]): "",
		"sdb":                                   "",
		"disk.raw":                              "",
		"backup-of-" + anotherID:                "",
		"virtio-" + anotherID[:18]:              "",
	} {
		got := OtherVolume(filepath.Join(t.TempDir(), name), oneID)
		if (got == nil) != (other == "") || got != nil && got.Volume != other {
			t.Errorf("%s: %v", name, got)
		}
	}
}
