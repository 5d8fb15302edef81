package device

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"
)

// Claim is a name that says which volume a device or file is.
type Claim struct {
	Volume string // the id, or the part of it that fits into a serial number
	Name   string // the name that contains the id
}

// OtherVolume looks at all names of the device or file at path: path itself, the path that it
// resolves to, and the names that the kernel knows. It returns the first that says it is another
// volume than id, nil if there is none. Names without an id, or a path where nothing exists, are no
// contradiction; Prove checks the device itself.
func OtherVolume(path, id string) *Claim { return contradiction(namesOf(path), id) }

// volumeInName matches a volume's id, or the part of it that fits into a serial number, in the name
// of a device or file: Cinder's volume-<id>, and names that udev makes of the serial number that
// Nova sets.
var volumeInName = regexp.MustCompile(`(?i)(?:^|[^0-9a-z])(?:volume-|virtio-|harddisk_|serial-)` +
	`([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-(?:[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]))` +
	`(?:$|[^0-9a-f-]|-lun|-part)`)

func contradiction(names []string, id string) *Claim {
	for _, name := range names {
		found := volumeInName.FindStringSubmatch(filepath.Base(name))
		if found != nil && !strings.HasPrefix(strings.ToLower(id), strings.ToLower(found[1])) {
			return &Claim{Volume: found[1], Name: name}
		}
	}
	return nil
}

// namesOf returns the names of a device or file.
func namesOf(path string) []string {
	names := []string{path}
	if abs, err := filepath.Abs(path); err == nil {
		names = append(names, abs)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		names = append(names, real)
	}
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return names
	}
	dir := fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(uint64(st.Rdev)),
		unix.Minor(uint64(st.Rdev)))
	return append(names, namesInSysfs(dir)...)
}

// namesInSysfs returns the names that the kernel knows of a block device; dir is its directory in
// sysfs.
func namesInSysfs(dir string) []string {
	names := []string{
		// Device mapper doubles the dashes of LVM's names.
		strings.ReplaceAll(sysfsText(dir, "dm/name"), "--", "-"),
		sysfsText(dir, "loop/backing_file"),
	}
	for _, serial := range serialNumbers(dir) {
		names = append(names, "serial-"+serial)
	}
	return names
}

// carries reports whether a name that udev made of a serial number ends with the id, or with the
// part of it that fits into a serial number.
func carries(name, id string) bool {
	name, id = strings.ToLower(name), strings.ToLower(id)
	for _, serial := range []string{id, id[:serialBytes]} {
		before, ok := strings.CutSuffix(name, serial)
		if ok && (strings.HasSuffix(before, "-") || strings.HasSuffix(before, "_")) {
			return true
		}
	}
	return false
}
