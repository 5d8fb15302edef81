package cmdline

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/wording"
)

// genericOptions are options of mount(8) and FUSE for which there is nothing to do: the mount is
// nosuid, nodev and noexec in any case, read-only unless there is an overlay (which ro excludes),
// and times are never written. Options that begin with x- or X- are for other programs, too.
var genericOptions = []string{
	"defaults", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync",
	"async", "dirsync",
	"atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime",
	"nostrictatime", "lazytime", "nolazytime",
	"auto", "noauto", "user", "nouser", "users", "owner", "group", "nofail", "_netdev", "comment",
	"default_permissions",
	// of mount(8) and the kernel, for any file system
	"silent", "loud", "mand", "nomand", "iversion", "noiversion", "symfollow", "nosymfollow",
	// of libfuse: the name is the share's, and what the process leaves is cleared by the next
	"nonempty", "auto_unmount", "fsname", "subtype",
}

// labelOptions are options of SELinux that would have to reach the kernel. If they were ignored,
// the mount would have a label that was not asked for.
var labelOptions = []string{"context", "fscontext", "defcontext", "rootcontext"}

// notOptions are flags of mount that make no sense among the options of mount(8), or are given in
// another way.
var notOptions = []string{"share", "daemon", "run", "help", "h"}

// IsMountOption reports whether a flag of mount is an option of mount(8) too, by the flag's name.
func IsMountOption(flag string) bool { return !slices.Contains(notOptions, flag) }

// notOptionsText is notOptions in a message.
const notOptionsText = "share, daemon and run"

// MountHelper translates a call of a mount helper by mount(8) into our own command:
//
//	mount.restorefs SHARE DIR [-sfnv] [-o OPTIONS]   argv[0] begins with "mount."
//	restorefs SHARE DIR -o OPTIONS                   mount.fuse3, for the type fuse.restorefs
//
// It returns other arguments unchanged, and none if there is nothing to do. See mount(8), "External
// helpers".
func MountHelper(app *cli.App, args []string) ([]string, error) {
	if len(args) < 3 {
		return args, nil
	}
	byName := strings.HasPrefix(filepath.Base(args[0]), "mount.")
	bySpec := strings.ContainsAny(args[1], "/:") && !strings.HasPrefix(args[1], "-") &&
		!strings.HasPrefix(args[2], "-")
	if !byName && !bySpec {
		return args, nil
	}
	call, err := parseHelperCall(args)
	if err != nil {
		return nil, err
	}
	flags, err := call.flags(app.Command("mount"))
	if err != nil || call.fake { // fake means to do all except mounting
		return nil, err
	}
	command := append([]string{args[0], "mount", "--daemon", "--share", call.share}, flags...)
	return append(command, "--", call.dir), nil
}

// helperCall is what mount(8) asks for.
type helperCall struct {
	share, dir   string
	options      []string // name or name=value
	sloppy, fake bool     // -s: unknown options are ignored; -f: nothing is mounted
}

func parseHelperCall(args []string) (call helperCall, err error) {
	var words []string
	for i := 1; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "-o" || a == "-t":
			if i++; i == len(args) {
				return call, Usagef("%s needs a value", a)
			}
			if a == "-o" {
				call.options = append(call.options, splitOptions(args[i])...)
			}
		case len(a) > 1 && strings.Trim(a[1:], "sfnv") == "" && a[0] == '-':
			call.sloppy = call.sloppy || strings.Contains(a, "s")
			call.fake = call.fake || strings.Contains(a, "f")
		case strings.HasPrefix(a, "-"):
			return call, Usagef("%s is no option of a mount helper; it is called as: %s SHARE "+
				"DIRECTORY [-sfnv] [-o OPTIONS]", a, args[0])
		default:
			words = append(words, a)
		}
	}
	if len(words) != 2 {
		return call, Usagef("a mount helper takes SHARE and DIRECTORY, %s given",
			wording.Count(len(words), "argument"))
	}
	call.share, call.dir = words[0], words[1]
	return call, nil
}

// flags returns the flags of mount that the options stand for.
func (call helperCall) flags(mount *cli.Command) (flags []string, err error) {
	readOnly, overlay := false, false
	for _, option := range call.options {
		name, _, _ := strings.Cut(option, "=")
		readOnly = name == "ro" || readOnly && name != "rw" // the last one counts
		overlay = overlay || name == "overlay"
		flag, err := call.flag(mount, option)
		if err != nil {
			return nil, err
		}
		if flag != "" {
			flags = append(flags, flag)
		}
	}
	if readOnly && overlay {
		return nil, Usagef("the options ro and overlay exclude each other: an overlay makes the " +
			"disks writable")
	}
	return flags, nil
}

// flag returns the flag of mount that an option stands for, "" if there is nothing to do for it.
func (call helperCall) flag(mount *cli.Command, option string) (string, error) {
	name, _, hasValue := strings.Cut(option, "=")
	if option == "" || slices.Contains(genericOptions, name) ||
		strings.HasPrefix(strings.ToLower(name), "x-") {
		return "", nil
	}
	takesValue, known := optionFlag(mount, name)
	switch {
	case name == "remount" || name == "bind" || name == "move":
		return "", Usagef("a mount of restorefs cannot be changed by %q: unmount it and mount it "+
			"again with the options that it is to have", name)
	case slices.Contains(labelOptions, name):
		return "", Usagef("%s is not supported: a mount of restorefs has the label that the "+
			"host's policy gives to FUSE (fusefs_t); "+
			"leave the option out, and let virtual machines read it with \"setsebool -P "+
			"virt_use_fusefs on\"", name)
	case !known && call.sloppy:
		return "", nil
	case !known:
		return "", Usagef("%q is no option of restorefs; the options are the flags of "+
			"\"restorefs mount --help\" without their dashes, with _ for -, except for %s", name,
			notOptionsText)
	case takesValue && !hasValue:
		return "", Usagef("the option %s needs a value: %s=...", name, name)
	case !takesValue && hasValue:
		return "", Usagef("the option %s takes no value", name)
	}
	return "--" + strings.ReplaceAll(name, "_", "-") + option[len(name):], nil
}

// splitOptions splits at commas that are not in double quotes, as mount(8) does.
func splitOptions(s string) []string {
	quoted := false
	return strings.FieldsFunc(s, func(r rune) bool {
		quoted = quoted != (r == '"')
		return r == ',' && !quoted
	})
}

// optionFlag finds the flag that a mount option stands for.
func optionFlag(command *cli.Command, option string) (takesValue, known bool) {
	name := strings.ReplaceAll(option, "_", "-")
	if slices.Contains(notOptions, name) {
		return false, false
	}
	for _, f := range command.Flags {
		if slices.Contains(f.Names(), name) {
			v, ok := f.(cli.DocGenerationFlag)
			return ok && v.TakesValue(), true
		}
	}
	return false, false
}
