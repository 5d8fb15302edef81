package attended

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/restore"
)

// checkMetadataOut refuses a FILE that cannot be written, is TARGET, is on the share, or exists and
// was not written by restorefs.
func (o Options) checkMetadataOut() error {
	path, target := o.MetadataOut, o.Target
	switch {
	case path == "":
		return nil
	case path == "-" && o.JSON:
		return cmdline.Usagef("--metadata-out - and --json both write to stdout: name a file, or " +
			"leave one out")
	case path == "-" && target == "-":
		return cmdline.Usagef("--metadata-out - and the TARGET - both are stdout: name a file " +
			"for one of them")
	case path == "-":
		return nil
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return cmdline.Usagef("--metadata-out %s: it is there, and no regular file", path)
	}
	// /dev/stdout is a link, which --force would replace, for all programs.
	dir := restore.Resolve(filepath.Dir(path))
	if dir == "/dev" || strings.HasPrefix(dir+"/", "/proc/") {
		return cmdline.Usagef("--metadata-out %s: no file is made or replaced in %s; for "+
			"standard output write --metadata-out -", path, dir)
	}
	if target != "" && restore.SameFile(path, target) {
		return cmdline.Usagef("--metadata-out %s is TARGET itself, which it would replace: "+
			"choose another file", path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return cmdline.Usagef("--metadata-out %s: there is no such directory", path)
	}
	return o.Engine.Keeper.May(path)
}

// notWithQcow2 lists the flags of materialize that have no meaning for a file that another program
// writes as a whole.
var notWithQcow2 = []string{"delta", "bwlimit", "salvage", "jobs", "reflink"}

// wantsQcow2 reads --format and refuses flags that do not go with it.
func (o Options) wantsQcow2() (bool, error) {
	switch o.Format {
	case "raw":
		return false, nil
	case "qcow2":
	default:
		return false, cmdline.Usagef("--format %s: it is raw or qcow2", o.Format)
	}
	if o.Target == "-" {
		return false, cmdline.Usagef("a qcow2 cannot be written to stdout, as it is not written " +
			"from front to back: name a file")
	}
	for _, flag := range notWithQcow2 {
		if o.Given.Has(flag) {
			return false, cmdline.Usagef("--%s does not go with --format qcow2", flag)
		}
	}
	if o.Engine.Overlay != "" {
		return false, cmdline.Usagef("--overlay does not go with --format qcow2: restore into a " +
			"raw file and convert that")
	}
	return true, nil
}

// checkReflink refuses flags that do not go with copying in the kernel, which knows only the
// files on the share and overwrites the target.
func (o Options) checkReflink() error {
	switch {
	case !o.Engine.Copy.Reflink:
	case o.Engine.Overlay != "":
		return cmdline.Usagef("--reflink does not go with --overlay: what was written there is " +
			"not on the share")
	case o.Engine.Salvage == "keep":
		return cmdline.Usagef("--reflink does not go with --salvage=keep: it would overwrite " +
			"what is to be kept")
	}
	return nil
}
