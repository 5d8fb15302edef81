package main

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// genericOptions are those of mount(8) and of FUSE that need nothing from us:
// the mount is nosuid, nodev, noexec whatever they say, read-only unless there
// is an overlay (which ro excludes), and times are never written. Those that begin with x- or X- belong to others, too.
var genericOptions = []string{
	"defaults", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async", "dirsync",
	"atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime", "lazytime", "nolazytime",
	"auto", "noauto", "user", "nouser", "users", "owner", "group", "nofail", "_netdev", "comment", "default_permissions",
	"silent", "loud", "mand", "nomand", "iversion", "noiversion", "symfollow", "nosymfollow", // of mount(8) and the kernel, for any file system
	"nonempty", "auto_unmount", "fsname", "subtype", // of libfuse: the name is the share's, and what the process leaves is cleared by the next
}

// labelOptions are SELinux's, which would have to reach the kernel. To ignore
// them would leave a label that nobody asked for.
var labelOptions = []string{"context", "fscontext", "defcontext", "rootcontext"}

// notOptions are flags of mount that make no sense among mount(8)'s options,
// or are given otherwise.
var notOptions = []string{"share", "daemon", "run", "help", "h"}

// notOptionsText is how a message names them.
const notOptionsText = "share, daemon and run"

// helperArgs understands how mount(8) calls a file system's helper, and makes
// our own command of it:
//
//	mount.restorefs SHARE DIR [-sfnv] [-o OPTIONS]   argv[0] begins with "mount."
//	restorefs SHARE DIR -o OPTIONS                   mount.fuse3, for the type fuse.restorefs
//
// Other arguments are returned as they are, none when there is nothing to do. See mount(8), "External helpers".
func helperArgs(app *cli.App, args []string) ([]string, error) {
	if len(args) < 3 {
		return args, nil
	}
	byName := strings.HasPrefix(filepath.Base(args[0]), "mount.")
	bySpec := strings.ContainsAny(args[1], "/:") && !strings.HasPrefix(args[1], "-") && !strings.HasPrefix(args[2], "-")
	if !byName && !bySpec {
		return args, nil
	}
	var words, options []string
	sloppy, fake := false, false
	for i := 1; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "-o" || a == "-t":
			if i++; i == len(args) {
				return nil, usagef("%s needs a value", a)
			}
			if a == "-o" {
				options = append(options, splitOptions(args[i])...)
			}
		case len(a) > 1 && strings.Trim(a[1:], "sfnv") == "" && a[0] == '-':
			sloppy = sloppy || strings.Contains(a, "s")
			fake = fake || strings.Contains(a, "f")
		case strings.HasPrefix(a, "-"):
			return nil, usagef("%s is no option of a mount helper; it is called as: %s SHARE DIRECTORY [-sfnv] [-o OPTIONS]", a, args[0])
		default:
			words = append(words, a)
		}
	}
	if len(words) != 2 {
		return nil, usagef("a mount helper takes SHARE and DIRECTORY, %s given", counted(len(words), "argument"))
	}
	command := app.Command("mount")
	flags := []string{args[0], command.Name, "--daemon", "--share", words[0]}
	readOnly, overlay := false, false
	for _, option := range options {
		name, _, hasValue := strings.Cut(option, "=")
		readOnly = name == "ro" || readOnly && name != "rw" // the last one counts
		overlay = overlay || name == "overlay"
		if option == "" || slices.Contains(genericOptions, name) || strings.HasPrefix(strings.ToLower(name), "x-") {
			continue
		}
		takesValue, known := optionFlag(command, name)
		switch {
		case name == "remount" || name == "bind" || name == "move":
			return nil, usagef("a mount of restorefs cannot be changed by %q: unmount it and mount it again with the options that it is to have", name)
		case slices.Contains(labelOptions, name):
			return nil, usagef("%s is not supported: a mount of restorefs has the label that the host's policy gives to FUSE (fusefs_t); "+
				"leave the option out, and let virtual machines read it with \"setsebool -P virt_use_fusefs on\"", name)
		case !known && sloppy:
		case !known:
			return nil, usagef("%q is no option of restorefs; the options are the flags of \"restorefs mount --help\" without their dashes, with _ for -, except for %s", name, notOptionsText)
		case takesValue && !hasValue:
			return nil, usagef("the option %s needs a value: %s=...", name, name)
		case !takesValue && hasValue:
			return nil, usagef("the option %s takes no value", name)
		default:
			flags = append(flags, "--"+strings.ReplaceAll(option[:len(name)], "_", "-")+option[len(name):])
		}
	}
	if readOnly && overlay {
		return nil, usagef("the options ro and overlay exclude each other: an overlay makes the disks writable")
	}
	if fake { // everything but the mounting
		return nil, nil
	}
	return append(flags, "--", words[1]), nil
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
