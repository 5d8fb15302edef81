package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/device"
)

// volumeInName finds a volume's id, or the 20 characters of it that virtio
// has for a serial number, in the name of a device or file: Cinder's
// volume-<id>, and what udev makes of the serial number that Nova gives.
var volumeInName = regexp.MustCompile(`(?i)(?:^|[^0-9a-z])(?:volume-|virtio-|harddisk_|serial-)([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-(?:[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]))(?:$|[^0-9a-f-]|-lun|-part)`)

// isAt refuses a target that says of itself that it is another volume. A target
// that says nothing is not refused.
func (v *cloudVolume) isAt(target string) error { return v.isNamed(target, namesOf(target)) }

func (v *cloudVolume) isNamed(target string, names []string) error {
	for _, name := range names {
		found := volumeInName.FindStringSubmatch(filepath.Base(name))
		if found == nil || strings.HasPrefix(strings.ToLower(v.volume.ID), strings.ToLower(found[1])) {
			continue
		}
		return &materialize.RefusedError{Target: target, Reasons: []materialize.Reason{{Kind: materialize.ReasonNotATarget,
			Text: fmt.Sprintf("it is volume %s by the name %s, and --volume says %s; if Cinder migrated the volume, so that its device has another id, "+
				"restore without --volume, then the metadata with --metadata-only", found[1], printable(name), v.volume.ID)}}}
	}
	return nil
}

// namesOf is what a target is called: as given, as it resolves, and what the
// kernel knows of a device.
func namesOf(target string) []string {
	names := []string{target}
	if abs, err := filepath.Abs(target); err == nil {
		names = append(names, abs)
	}
	if path, err := filepath.EvalSymlinks(target); err == nil {
		names = append(names, path)
	}
	var st unix.Stat_t
	if unix.Stat(target, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return names
	}
	dir := fmt.Sprintf("/sys/dev/block/%d:%d/", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
	return append(names, namesInSysfs(dir)...)
}

// namesInSysfs is what the kernel knows of the device with that directory, or of
// the disk that it is a partition of.
func namesInSysfs(dir string) (names []string) {
	read := func(file string) string {
		text, _ := os.ReadFile(dir + file) // what is not there is no name
		return string(text)
	}
	clean := func(text string) string { return strings.Trim(text, " \n\x00") }
	// Device mapper doubles the dashes of LVM's names.
	names = append(names, clean(strings.ReplaceAll(read("dm/name"), "--", "-")), clean(read("loop/backing_file")))
	disk := ""
	if read("partition") != "" {
		disk = "../"
	}
	// As in materialize/device: virtio, NVMe, and SCSI's page 0x80 behind its head.
	page := read(disk + "device/vpd_pg80")
	for _, serial := range []string{read(disk + "serial"), read(disk + "device/serial"), page[min(4, len(page)):]} {
		if serial = clean(serial); serial != "" {
			names = append(names, "serial-"+serial)
		}
	}
	return names
}

// isTheVolume refuses a TARGET that is not there, or whose size or format say
// that it is not the volume.
func (r *restore) isTheVolume(target string) error {
	wanted, err := r.wanted(r.c.Context, false)
	if err != nil {
		return err
	}
	r.found, err = device.Prove(r.c.Context, target, wanted)
	if errors.Is(err, fs.ErrNotExist) {
		return &materialize.RefusedError{Target: target, Reasons: []materialize.Reason{{Kind: materialize.ReasonNotATarget,
			Text: "it is not there, and a volume's device or file is: is this the machine that has it? To restore to a new file, leave --volume out"}}}
	}
	if wrong, ok := errors.AsType[*device.WrongError](err); ok && wrong.TooLarge {
		wrong.Reason += "; if it is the volume all the same, because its storage rounds sizes up, restore without --volume, then the metadata with --metadata-only"
	}
	return err
}

// wanted is what the device of the volume must be; fresh says that the volume was
// created just now.
func (r *restore) wanted(ctx context.Context, fresh bool) (device.Volume, error) {
	v := r.cloud.volume
	w := device.Volume{ID: v.ID, SizeGiB: v.SizeGiB, Encrypted: v.Encrypted, MayBeCut: !fresh}
	if v.Encrypted {
		var head [4]byte
		if err := r.volume.ReadAt(ctx, head[:], 0); err != nil {
			return w, err
		}
		w.Qcow2 = string(head[:]) == "QFI\xfb"
	}
	return w, nil
}
