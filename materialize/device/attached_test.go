package device

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// loopDevice returns a block device of a size, or skips the test.
func loopDevice(t *testing.T, size int64) string {
	t.Helper()
	return loopOf(t, filepath.Join(t.TempDir(), "disk"), size)
}

// loopOf makes a file and returns a block device of it.
func loopOf(t *testing.T, path string, size int64) string {
	t.Helper()
	need.Root(t)
	volumeFile(t, path, size)
	out, err := exec.Command("losetup", "--find", "--show", path).CombinedOutput()
	if err != nil {
		need.Missing(t, "needs a loop device: %v: %s", err, out)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "--detach", device).CombinedOutput(); err != nil {
			t.Errorf("detach %s: %v: %s", device, err, out)
		}
	})
	return device
}

func TestNamesThatCarryAVolumesId(t *testing.T) {
	for name, want := range map[string]bool{
		"virtio-61c2f0aa-1b2c-4d3e-8":                                   true,
		"scsi-0QEMU_QEMU_HARDDISK_" + testID:                            true,
		"scsi-SQEMU_QEMU_HARDDISK_" + strings.ToUpper(testID):           true,
		"nvme-QEMU_NVMe_Ctrl_61c2f0aa-1b2c-4d3e-8":                      true,
		"ata-QEMU_HARDDISK_61c2f0aa-1b2c-4d3e-8":                        true,
		"virtio-61c2f0aa-1b2c-4d3e-8-part1":                             false,
		"scsi-0QEMU_QEMU_HARDDISK_" + testID + "-part2":                 false,
		"virtio-61c2f0aa-1b2c-4d3e-9":                                   false,
		"virtio-61c2f0aa-1b2c-4d3e":                                     false,
		"x61c2f0aa-1b2c-4d3e-8":                                         false,
		"scsi-0QEMU_QEMU_HARDDISK_a1c2f0aa-1b2c-4d3e-8f90-a1b2c3d4e5f6": false,
	} {
		if carries(name, testID) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

func TestAnAttachedVolumeIsFoundByItsSerialNumber(t *testing.T) {
	device, other := loopDevice(t, 1<<30), loopDevice(t, 1<<30)
	small := loopDevice(t, 1<<20)
	for _, c := range []struct {
		name    string
		links   map[string]string
		serials map[string]string // file below /sys/class/block/DEV
		want    string            // part of the error; "": it is found
	}{
		{"virtio", map[string]string{"virtio-61c2f0aa-1b2c-4d3e-8": device, "virtio-77c2f0aa-1b2c-4d3e-8": other},
			map[string]string{"serial": "61c2f0aa-1b2c-4d3e-8"}, ""},
		{"SCSI, by two names", map[string]string{"scsi-0QEMU_QEMU_HARDDISK_" + testID: device, "scsi-SQEMU_QEMU_HARDDISK_" + testID: device},
			map[string]string{"device/vpd_pg80": "\x00\x80\x00\x24" + testID}, ""},
		{"NVMe", map[string]string{"nvme-QEMU_NVMe_Ctrl_61c2f0aa-1b2c-4d3e-8": device}, map[string]string{"device/serial": "61c2f0aa-1b2c-4d3e-8\n"}, ""},
		{"a disk that tells no serial number", map[string]string{"virtio-61c2f0aa-1b2c-4d3e-8": device}, nil, ""},
		{"a stale link", map[string]string{"virtio-61c2f0aa-1b2c-4d3e-8": device}, map[string]string{"serial": "77c2f0aa-1b2c-4d3e-8"}, "another disk's"},
		{"a stale link to a SCSI disk", map[string]string{"scsi-0QEMU_QEMU_HARDDISK_" + testID: device},
			map[string]string{"device/vpd_pg80": "\x00\x80\x00\x24" + strings.ToUpper(testID[:35]) + "0"}, "another disk's"},
		{"names that differ", map[string]string{"virtio-61c2f0aa-1b2c-4d3e-8": device, "scsi-0QEMU_QEMU_HARDDISK_" + testID: other}, nil, "cannot be told"},
		{"of another size", map[string]string{"virtio-61c2f0aa-1b2c-4d3e-8": small}, nil, "it has 1048576 bytes"},
		{"a partition alone", map[string]string{"virtio-61c2f0aa-1b2c-4d3e-8-part1": device}, nil, "has no device here"},
		{"none", nil, nil, "has no device here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			byID, sys := t.TempDir(), t.TempDir()
			for name, to := range c.links {
				if err := os.Symlink(to, filepath.Join(byID, name)); err != nil {
					t.Fatal(err)
				}
			}
			for name, text := range c.serials {
				path := filepath.Join(sys, "class/block", filepath.Base(device), name)
				os.MkdirAll(filepath.Dir(path), 0o755)
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			d, err := (&Attached{ByID: byID, Sys: sys, Wait: time.Millisecond}).Find(t.Context(), volumeOf(1))
			if c.want == "" {
				if err != nil || d.Size != 1<<30 || d.File || d.Lasting {
					t.Error(d, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestAFileBelowByIdIsRefused(t *testing.T) {
	byID := t.TempDir()
	volumeFile(t, filepath.Join(byID, "virtio-61c2f0aa-1b2c-4d3e-8"), 1<<30)
	_, err := (&Attached{ByID: byID, Wait: time.Millisecond}).Find(t.Context(), volumeOf(1))
	if _, ok := errors.AsType[*WrongError](err); !ok {
		t.Error(err)
	}
}
