package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/materialize"
)

// volumeInName finds a volume's id, or the 20 characters of it that virtio
// has for a serial number, in the name of a device or file: Cinder's
// volume-<id>, and what udev makes of the serial number that Nova gives.
var volumeInName = regexp.MustCompile(`(?i)(?:^|[^0-9a-z])(?:volume-|virtio-|harddisk_|serial-)([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-(?:[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]))(?:$|[^0-9a-f-]|-lun|-part)`)

// isAt refuses a target that says of itself that it is another volume. A target
// that says nothing is not refused.
func (v *cloudVolume) isAt(target string) error {
	for _, name := range namesOf(target) {
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
	dir := fmt.Sprintf("/sys/dev/block/%d:%d/", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	read := func(file string) string {
		text, err := os.ReadFile(dir + file)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(text))
	}
	// Device mapper doubles the dashes of LVM's names.
	names = append(names, strings.ReplaceAll(read("dm/name"), "--", "-"), read("loop/backing_file"))
	if serial := read("serial"); serial != "" {
		names = append(names, "serial-"+serial)
	}
	return names
}
