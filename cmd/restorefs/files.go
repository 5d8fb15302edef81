package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/browse"
	"github.com/restorefs/restorefs/cmd/cmdline"
)

const filesHelp = `
PATH is a path inside the disk, /etc/fstab. Where files of several partitions can be
read it is looked for on each of them; p2:/etc/fstab says which. Symbolic links on
the way are followed within their file system. A journal that the machine had not
worked off is replayed in memory. Neither root nor FUSE is needed.`

// The memory of commands that read files inside a disk. Names and a file or two need little; a copy
// of many files goes back and forth on the disk, and decodes three times as much with 64 MiB as
// with 96, and no less with more.
const (
	memoryToLook = "64MiB"
	memoryToCopy = "96MiB"
)

// filesFlagsOf are the flags of each command that reads files inside a disk.
func filesFlagsOf(memory string, own ...cli.Flag) []cli.Flag {
	return append(append(own, luksFlags()...), cloudFlag(), shareFlag(),
		memoryFlagOf(memory), cacheDirFlag(),
		&cli.StringSliceFlag{Name: "with",
			Usage: "a `BACKUP` of another disk of the server, on which its volumes of LVM lie " +
				"too; can be given several times"},
		overlayFlag("read what was written onto BACKUP where it was mounted with --overlay `DIR`"))
}

// filesOptionsOf reads these flags and the BACKUP, the first of the arguments, of which there are
// least at least. usage says which the command takes.
func filesOptionsOf(c *cli.Context, usage string, least int) (browse.Options, error) {
	o := commonOf(c)
	if len(o.args) < least {
		return browse.Options{}, cmdline.Usagef("%s takes %s; see \"restorefs %s --help\"",
			o.command, usage, o.command)
	}
	return browse.Options{
		Console: o.Console, Source: o.source(), Memory: o.memory, Backup: o.arg(0),
		Overlay: c.String("overlay"), With: c.StringSlice("with"),
		Keys: keysOf(c),
	}, nil
}
