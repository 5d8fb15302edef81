package device

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Attached finds a volume that is attached to this machine, an instance of the cloud, by the names
// that udev makes of the serial numbers of disks. Nova sets the serial number to the volume's id;
// virtio-blk and QEMU's NVMe keep 20 characters of it.
type Attached struct {
	ByID string        // "" means /dev/disk/by-id
	Sys  string        // "" means /sys
	Wait time.Duration // how long to wait for the device; 0: 70 s
}

// String implements Finder.
func (a *Attached) String() string { return a.dir() }

func (a *Attached) dir() string {
	if a.ByID == "" {
		return "/dev/disk/by-id"
	}
	return a.ByID
}

// Check implements Finder. It checks nothing: the directory appears only with the first disk that
// has a serial number.
func (a *Attached) Check(context.Context) error { return nil }

// Find implements Finder.
func (a *Attached) Find(ctx context.Context, v Sought) (*Device, error) {
	if err := v.check(); err != nil {
		return nil, err
	}
	wait := a.Wait
	if wait == 0 {
		wait = defaultWait
	}
	begin := time.Now()
	path, ok, err := await(ctx, wait, func() (string, bool, error) { return a.link(v) })
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &NotFoundError{
			Volume: v.ID, Where: a.dir() + " by that id",
			After: time.Since(begin).Round(time.Second),
			Hint: "is this machine the server it was attached to, and does udev run here? lsblk " +
				"-o NAME,SIZE,SERIAL shows the disks",
		}
	}
	d, err := look(path, v)
	if err != nil {
		return nil, err
	}
	if d.File {
		return nil, &WrongError{Volume: v.ID, Path: path, Reason: "it is a regular file"}
	}
	// A disk that is attached again is a new disk to the kernel.
	d.Lasting = false
	return d, a.serial(path, v)
}

// link finds the disk's name: virtio-ID20, nvme-MODEL_ID20, scsi-0VENDOR_MODEL_ID,
// ata-MODEL_ID20 (systemd, 60-persistent-storage.rules).
func (a *Attached) link(v Sought) (string, bool, error) {
	entries, err := os.ReadDir(a.dir())
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("look for the device of volume %s: %w", v.ID, err)
	}
	var first, real string
	for _, e := range entries {
		name := e.Name()
		if !carries(name, v.ID) {
			continue
		}
		path := filepath.Join(a.dir(), name)
		to, err := filepath.EvalSymlinks(path)
		if err != nil { // udev is making the link
			return "", false, nil
		}
		if real != "" && to != real {
			return "", false, &WrongError{Volume: v.ID, Path: path,
				Reason: fmt.Sprintf("it is %s, but %s is %s: which of them is the volume "+
					"cannot be told", to, first, real)}
		}
		if real == "" {
			first, real = path, to
		}
	}
	return first, real != "", nil
}

// serial compares the disk's serial number with the id, as links can be stale. If the kernel knows
// no serial number there is nothing to compare.
func (a *Attached) serial(path string, v Sought) error {
	sys := a.Sys
	if sys == "" {
		sys = "/sys"
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("look at the device of volume %s: %w", v.ID, err)
	}
	serials := serialNumbers(filepath.Join(sys, "class/block", filepath.Base(real)))
	if len(serials) == 0 {
		return nil
	}
	serial, id := strings.ToLower(serials[0]), strings.ToLower(v.ID)
	if serial != id && serial != id[:serialBytes] {
		return &WrongError{Volume: v.ID, Path: path,
			Reason: fmt.Sprintf("%s has the serial number %q, which is another disk's",
				real, serial)}
	}
	return nil
}
