package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore/share"
)

const shareHelp = `SHARE is a directory (a mounted NFS export), or NFSHOST:/EXPORT[/DIR]: a mount of
that is looked for, Cinder's own or another; else root mounts it, read-only and for
this process alone; where that is not possible restorefs reads it by itself, as it
does nfs://NFSHOST/EXPORT[/DIR].
Without --share it is what Cinder's configuration says.`

func shareFlag() cli.Flag {
	return &cli.StringFlag{Name: "share", EnvVars: []string{"RESTOREFS_SHARE"},
		Usage: "where the backups are: a `DIRECTORY`, NFSHOST:/EXPORT or s3://BUCKET"}
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
