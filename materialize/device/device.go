package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sys/unix"
)

// Sought is what is known of the volume whose device is sought.
type Sought struct {
	ID      string // a UUID
	SizeGiB int64
	// Encrypted says that a file may be shorter than the volume: Cinder's NFS driver makes the file
	// of an encrypted volume with the size of an empty LUKS container.
	Encrypted bool
	// Qcow2 says that the data to be written is a qcow2 file: that driver keeps encrypted volumes
	// in qcow2, and Cinder backs up the file itself.
	Qcow2 bool
	// MayBeCut says that a file may be shorter than the volume: Cinder's own restore cuts the file
	// off where the backup ends.
	MayBeCut bool
}

// Finder finds the devices of volumes in one kind of place.
type Finder interface {
	// Check checks that this machine can have such devices at all, so that no volume is created in
	// vain.
	Check(ctx context.Context) error
	// Find waits until the device appears, and proves that it is the volume. The error is a
	// *NotFoundError, a *WrongError, or that of a failed operation.
	Find(ctx context.Context, v Sought) (*Device, error)
	// String says where it looks.
	String() string
}

// Device is a volume's device. It belongs to one goroutine.
type Device struct {
	Path string // may be a symbolic link
	Size int64  // bytes
	File bool   // a regular file, not a block device
	// Lasting says that the volume will have the same device, with the same number, the next time.
	Lasting bool

	release func(context.Context) error
}

// Mapped reports whether Release has something to do.
func (d *Device) Mapped() bool { return d.release != nil }

// Release undoes what Find did to get the device, which must be closed. The error says what is left
// and how to remove it.
func (d *Device) Release(ctx context.Context) error {
	if d.release == nil {
		return nil
	}
	return d.release(ctx)
}

// NotFoundError says that a device did not appear.
type NotFoundError struct {
	Volume string // id
	Where  string // where it was sought
	After  time.Duration
	Hint   string // what the operator can do, or ""
}

// Error implements error.
func (e *NotFoundError) Error() string {
	text := fmt.Sprintf("volume %s has no device here: nothing is at %s", e.Volume, e.Where)
	if e.After > 0 {
		text += fmt.Sprintf(" after %s", e.After)
	}
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// WrongError says that what was found in the volume's place is not the volume, or must not be
// written. It was not written.
type WrongError struct {
	Volume string // id
	Path   string
	Reason string
	// TooLarge says that the device is larger than the volume. On storage that rounds sizes up, as
	// PowerFlex does to 8 GiB, it may be the volume nevertheless.
	TooLarge bool
}

// Error implements error.
func (e *WrongError) Error() string {
	return fmt.Sprintf("%s is not to be written as volume %s, nothing was: %s", e.Path,
		e.Volume, e.Reason)
}

// validID is the form of Cinder's ids. They go into paths and patterns.
var validID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`).MatchString

func (v Sought) check() error {
	if !validID(v.ID) {
		return fmt.Errorf("%q is not the id of a volume", v.ID)
	}
	if v.SizeGiB < 1 || v.SizeGiB > 1<<30 {
		return fmt.Errorf("volume %s has a size of %d GiB, which makes no sense", v.ID, v.SizeGiB)
	}
	return nil
}

// Prove checks the file or device at path, which the operator names as the volume, as Find checks
// what it found. The error is a *WrongError, fs.ErrNotExist if nothing is there, or that of a
// failed operation.
func Prove(ctx context.Context, path string, v Sought) (*Device, error) {
	if err := v.check(); err != nil {
		return nil, err
	}
	return apart(ctx, func() (*Device, error) { return look(path, v) })
}

const gib = 1 << 30

// look opens the file or device at path for reading, and proves that it is the volume.
func look(path string, v Sought) (*Device, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("look at the device of volume %s: %w", v.ID, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at the device of volume %s: %w", v.ID, err)
	}
	d := &Device{Path: path, File: info.Mode().IsRegular(), Lasting: true}
	if mode := info.Mode(); !d.File && (mode&os.ModeDevice == 0 || mode&os.ModeCharDevice != 0) {
		return nil, v.wrong(d, "it is no block device and no regular file")
	}
	if d.Size, err = f.Seek(0, io.SeekEnd); err != nil {
		return nil, fmt.Errorf("size of %s: %w", path, err)
	}
	if err := v.hasSize(d); err != nil {
		return nil, err
	}
	reason, err := unfit(f, d, v)
	if err != nil {
		return nil, fmt.Errorf("look at the device of volume %s: %w", v.ID, err)
	}
	if reason != "" {
		return nil, v.wrong(d, reason)
	}
	return d, nil
}

// hasSize is a *WrongError where what was found does not have the volume's size.
func (v Sought) hasSize(d *Device) error {
	want := v.SizeGiB * gib
	switch {
	case d.File && (v.Encrypted || v.MayBeCut) && d.Size <= want:
	case d.Size < want, d.File && d.Size != want:
		return v.wrong(d, fmt.Sprintf("it has %d bytes, the volume has %d", d.Size, want))
	case d.Size-want >= gib: // storage may round up, but Cinder counts whole GiB
		err := v.wrong(d, fmt.Sprintf("it has %d bytes, the volume only %d", d.Size, want))
		err.TooLarge = true
		return err
	}
	return nil
}

func (v Sought) wrong(d *Device, reason string) *WrongError {
	return &WrongError{Volume: v.ID, Path: d.Path, Reason: reason}
}

// qcow2Magic is the start of a qcow2 file (QEMU, docs/interop/qcow2.txt).
const qcow2Magic = "QFI\xfb"

// unfit says why the bytes of the volume must not be written to what was found, or "". Cinder's NFS
// driver uses qcow2 with nfs_qcow2_volumes and for encrypted volumes, and keeps a volume that has
// snapshots in several files, which a JSON file lists (cinder/volume/drivers/nfs.py, remotefs.py).
func unfit(f *os.File, d *Device, v Sought) (string, error) {
	var magic [len(qcow2Magic)]byte
	if _, err := f.ReadAt(magic[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	switch qcow2 := d.File && string(magic[:]) == qcow2Magic; {
	case qcow2 && !v.Qcow2:
		return "the file is in qcow2 format (nfs_qcow2_volumes of Cinder's driver), " +
			"not the raw disk: attach the volume to a machine and write to its device there", nil
	case !qcow2 && v.Qcow2:
		return "the backup is of a qcow2 file, as Cinder's NFS driver makes of an encrypted " +
			"volume, and this is none: make the volume on such storage", nil
	case !d.File:
		return "", nil
	}
	path := d.Path
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	switch _, err := os.Lstat(path + ".info"); {
	case err == nil:
		return "the volume has or had snapshots (" + filepath.Base(path) +
			".info is there), its data is in several files: attach it to a machine and write to " +
			"its device there", nil
	case !errors.Is(err, os.ErrNotExist):
		return "", err
	}
	return "", nil
}

// apart calls f, which may hang because of a dead NFS server, in a goroutine of its own, and
// returns when f does or ctx ends.
func apart[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// await calls ask repeatedly until that returns true or an error, but no longer than wait.
func await[T any](ctx context.Context, wait time.Duration, ask func() (T, bool, error)) (T,
	bool, error) {
	type answer struct {
		value T
		ok    bool
	}
	end := time.Now().Add(wait)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		a, err := apart(ctx, func() (answer, error) {
			v, ok, err := ask()
			return answer{v, ok}, err
		})
		if err != nil || a.ok || time.Now().After(end) {
			return a.value, a.ok, err
		}
		select {
		case <-ctx.Done():
			return a.value, false, ctx.Err()
		case <-time.After(pause):
		}
	}
}
