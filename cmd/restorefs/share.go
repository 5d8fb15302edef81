package main

import (
	"flag"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore/share"
)

const shareHelp = `SHARE is a directory (a mounted NFS export), or NFSHOST:/EXPORT[/DIR]: a mount of
that is looked for, Cinder's own or another; else root mounts it, read-only and for
this process alone; where that is not possible restorefs reads it by itself, as it
does nfs://NFSHOST/EXPORT[/DIR]. A bucket of an object store is s3://BUCKET, gs://BUCKET or
swift://CONTAINER, each with /PREFIX and ?NAME=VALUE ("Object stores" in the guides).
Without --share it is what Cinder's configuration says.`

// shareList is what --share says: a share, and others that are read together with it.
type shareList struct {
	all      []string
	replaced bool // they are from the environment, and those of the command line replace them
}

// Set implements flag.Value.
func (l *shareList) Set(s string) error {
	if l.replaced {
		l.all, l.replaced = nil, false
	}
	l.all = append(l.all, s)
	return nil
}

// String implements flag.Value.
func (l *shareList) String() string { return strings.Join(l.all, " ") }

// Get returns what String does; the library of flags asks for it where it looks values up by name.
func (l *shareList) Get() any { return l.String() }

// sharesFlag may be given more than once. The library's own flags of that kind take a value with a
// comma for two.
type sharesFlag struct{ *cli.GenericFlag }

// Apply implements cli.Flag.
func (f sharesFlag) Apply(set *flag.FlagSet) error {
	err := f.GenericFlag.Apply(set)
	f.Value.(*shareList).replaced = true
	return err
}

func shareFlag() cli.Flag {
	return sharesFlag{&cli.GenericFlag{Name: "share", EnvVars: []string{"RESTOREFS_SHARE"},
		Value: new(shareList),
		Usage: "where the backups are: a `DIRECTORY`, NFSHOST:/EXPORT or s3://BUCKET; " +
			"more than once where chains lie in several"}}
}

// sharesOf returns what --share says, by its value; none if the command has no such flag.
func sharesOf(value any) []string {
	if l, ok := value.(*shareList); ok {
		return l.all
	}
	return nil
}

// shareFlags belong to each command that has shareFlag.
func shareFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "cinder-conf", EnvVars: []string{"RESTOREFS_CINDER_CONF"},
			Value: "/etc/cinder/cinder.conf",
			Usage: "Cinder's configuration, a `FILE` (and FILE.d/*.conf) or a directory of such"},
		&cli.StringFlag{Name: "mount-options",
			Usage: "`OPTIONS` to mount an export with, comma-separated; always " +
				"ro,nosuid,nodev,noexec"},
		&cli.DurationFlag{Name: "share-timeout", Value: share.DefaultTimeout,
			Usage: "wait for a server, where restorefs reads without a mount, for this `TIME`, " +
				"a second or more, then fail"},
	}
}
