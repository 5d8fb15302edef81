package places

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/backupstore"
)

// deviceName matches names that disks have below /dev on Linux.
var deviceName = regexp.MustCompile(
	`^((sd|vd|xvd|hd|ub)[a-z]{1,3}[0-9]*|nvme[0-9]+n[0-9]+(p[0-9]+)?|` +
		`(mmcblk|loop|nbd|rbd)[0-9]+(p[0-9]+)?|(dm-|md|drbd|bcache|zd|ram)[0-9]+)$`)

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// otherFormats are endings of the names of disks in formats other than raw.
var otherFormats = []string{".qcow2", ".qcow", ".vmdk", ".vdi", ".vhd", ".vhdx"}

// Doubtful returns why a name is hardly the intended file, "" if it may be. The name of an existing
// file is doubted only for its format.
func Doubtful(name string, qcow2 bool, catalog *backupstore.Catalog) string {
	if ext := strings.ToLower(filepath.Ext(name)); !qcow2 && slices.Contains(otherFormats, ext) {
		hint := ""
		if ext == ".qcow2" {
			hint = " (--format qcow2 makes a qcow2)"
		}
		return fmt.Sprintf("the name ends in %s, but what is written is a raw disk%s", ext, hint)
	}
	if _, err := os.Lstat(name); err == nil {
		return ""
	}
	if below := strings.TrimPrefix(filepath.Clean(name), "dev/"); !filepath.IsAbs(name) {
		if st, err := os.Stat("/dev/" + below); err == nil && st.Mode()&os.ModeDevice != 0 ||
			deviceName.MatchString(below) {
			return fmt.Sprintf("it would be a new file, not the device /dev/%s", below)
		}
	}
	if strings.Contains(name, "/") {
		return ""
	}
	if uuid.MatchString(name) {
		return "it would be a new file whose name is an id"
	}
	if b, err := catalog.Find("id=" + name); errors.Is(err, backupstore.ErrAmbiguous) {
		return "it would be a new file whose name is the start of backups' ids: only one BACKUP " +
			"is restored at a time"
	} else if err == nil {
		return fmt.Sprintf("it would be a new file whose name is the start of the id of "+
			"backup %s: only one BACKUP is restored at a time", b.ID)
	}
	return ""
}
