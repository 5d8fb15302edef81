package materialize

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestRunOntoADevice(t *testing.T) {
	const size = 9<<20 + 4096*3
	for _, c := range []struct {
		name  string
		dirty bool
		modes int32 // ways of zeroing that are skipped
		o     Options
		block string // logical block size of the device
	}{
		{"blank", false, 0, Options{}, "512"},
		{"not blank", true, 0, Options{}, "512"},
		{"not blank, no punching", true, 1, Options{}, "512"},
		{"not blank, zeros can only be written", true, 2, Options{}, "512"},
		{"not blank, one job", true, 0, Options{Jobs: 1, MemoryBytes: 1}, "512"},
		{"blank, blocks of 4 KiB", false, 0, Options{}, "4096"},
		{"not blank, blocks of 4 KiB", true, 0, Options{}, "4096"},
		{"not blank, blocks of 4 KiB, no punching", true, 1, Options{}, "4096"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dev, file := newLoop(t, size+8192, "--sector-size", c.block)
			if c.dirty {
				garbage(t, file, size+8192)
				tool(t, "blockdev", "--flushbufs", dev)
			}
			before, _ := os.ReadFile(file)
			for _, digests := range []bool{true, false} {
				vol := newFakeVolume(size-1000, 6) // ends inside a sector
				clear(vol.data[3<<20 : 6<<20])
				vol.digest()
				if !digests {
					vol.digests = nil
				}
				tg, err := Open(t.Context(), dev, OpenOptions{Size: vol.Size(), Force: c.dirty || !digests})
				if err != nil {
					t.Fatal(err)
				}
				tg.zeroMode.Store(c.modes)
				res, err := Run(t.Context(), vol, tg, c.o)
				if err != nil {
					t.Fatal(err)
				}
				if res.BytesWritten+res.BytesZeroed != vol.Size() {
					t.Fatalf("%+v", res)
				}
				if tg.direct == nil {
					t.Error("not written past the page cache")
				}
				tg.Close()
				got, err := os.ReadFile(file) // bypasses the device's own cache
				if err != nil {
					t.Fatal(err)
				}
				if err := vol.equal(got[:vol.Size()]); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got[vol.Size():], before[vol.Size():]) {
					t.Fatal("bytes behind the volume changed")
				}
			}
		})
	}
}

func TestAFullFilesystemIsACleanError(t *testing.T) {
	small, _ := newLoop(t, 20<<20)
	tool(t, "mkfs.ext4", "-q", small)
	dir := mountOn(t, small)
	vol := newFakeVolume(60<<20, 8)
	path := filepath.Join(dir, "f")
	_, err := runOnto(t, vol, path, false, Options{})
	failed, ok := errors.AsType[*TargetError](err)
	if !ok || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), path) ||
		!strings.Contains(err.Error(), "free space") || failed.Off <= 0 {
		t.Fatal(err)
	}
}

// The file system below a loop device is full. The device itself returns EIO,
// and only when its cache is written out.
func TestAFailingDeviceIsACleanError(t *testing.T) {
	small, _ := newLoop(t, 20<<20)
	tool(t, "mkfs.ext4", "-q", small)
	dir := mountOn(t, small)
	inner := filepath.Join(dir, "inner")
	os.WriteFile(inner, nil, 0o600)
	os.Truncate(inner, 60<<20)
	dev := loopOf(t, inner)
	vol := newFakeVolume(60<<20, 8)
	res, err := runOnto(t, vol, dev, false, Options{})
	if _, ok := errors.AsType[*TargetError](err); !ok || !strings.Contains(err.Error(), dev) {
		t.Fatal(res, err)
	}
}

func TestADeviceIsReadBackAsWritten(t *testing.T) {
	dev, _ := newLoop(t, 8<<20)
	vol := newFakeVolume(8<<20, 3)
	mustRun(t, vol, dev, false, Options{})
	f, err := os.Open(dev)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := vol.equal(got); err != nil {
		t.Fatal(err)
	}
}
