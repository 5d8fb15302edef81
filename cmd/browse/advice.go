package browse

import (
	"errors"
	"fmt"
	"strings"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/fusefs/inside"
)

// advised adds to an error what can be done about parts of the disk whose files are not read.
func advised(err error) error {
	if none, ok := errors.AsType[*files.NoPartError](err); ok {
		return cmdline.WrongUsage(fmt.Errorf("%w; \"restorefs ls BACKUP\" lists its parts", none))
	}
	if none, ok := errors.AsType[*inside.NothingBesideError](err); ok {
		return besideAdvice(err, none)
	}
	var closed []*inside.Part
	if e, ok := errors.AsType[*inside.UnreadableError](err); ok {
		closed = append(closed, e.Part)
	}
	if e, ok := errors.AsType[*files.PlaceError](err); ok {
		closed = append(closed, e.Closed...)
	}
	if advice := adviceFor(closed, errors.Is(err, inside.ErrDirty)); advice != "" {
		return fmt.Errorf("%w%s", err, advice)
	}
	return err
}

// besideAdvice adds to the error of a disk of --with what can be done about it.
func besideAdvice(err error, none *inside.NothingBesideError) error {
	for _, kind := range none.Kinds {
		if strings.HasPrefix(kind, "LUKS") {
			return fmt.Errorf("%w\n(--luks-key-file or --luks-from-cloud gives the key of what is "+
				"encrypted)", err)
		}
	}
	return fmt.Errorf("%w\n(leave out its --with)", err)
}

// noFiles is the error for a disk of which no files are read.
func noFiles(d *files.Disk) error {
	return fmt.Errorf(
		"there is no file system on the disk whose files are read here%s",
		adviceFor(d.Parts, false),
	)
}

// adviceFor says how files can be had that are not read here; "" if that holds for none. dirty says
// that a file system would have to be replayed first.
func adviceFor(parts []*inside.Part, dirty bool) string {
	other, held, elsewhere, encrypted := false, false, false, false
	for _, p := range parts {
		switch {
		case p.Elsewhere:
			elsewhere = true
		case p.Name == inside.Whole && strings.HasPrefix(p.Kind, "LUKS"):
			encrypted = true
		case p.Holds:
			held = true
		case p.Kind != "" && p.Kind != "swap":
			other = true
		}
	}
	text := ""
	if other {
		text += "\n(files are read here of " + inside.Kinds() + ")"
	}
	if other || dirty {
		text += "\n(they can be had from \"restorefs mount --overlay DIR MOUNTPOINT\", " +
			"with the kernel " +
			"or guestmount: \"Reading a disk\" in the guide to mounts)"
	}
	if encrypted {
		text += "\n(\"--luks-key-file FILE\" gives the key of an encrypted volume: \"Encrypted " +
			"volumes\" in the guide to files)"
	}
	if elsewhere {
		text += "\n(\"--with BACKUP\" adds a backup of another disk of the server)"
	}
	if held {
		text += "\n(what lies within LVM, LUKS or RAID can be had from a mount: " +
			"\"LVM, LUKS, RAID\" in the guide to mounts says how)"
	}
	return text
}
