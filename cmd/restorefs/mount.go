package main

import (
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/mount"
	"github.com/restorefs/restorefs/cmd/serve"
	"github.com/restorefs/restorefs/fusefs"
)

func mountCommand() *cli.Command {
	return &cli.Command{
		Name:      "mount",
		Usage:     "mount the backups: each one a raw disk file, readable at once",
		ArgsUsage: "MOUNTPOINT",
		Description: "The disks are at MOUNTPOINT/backups/BACKUP_ID/volume.raw, and under " +
			`volumes/ and
names/ by volume. Nothing is decompressed before it is read. The mount stays until
Ctrl-C, SIGTERM or "restorefs unmount MOUNTPOINT". SIGHUP looks at the share anew, and
opens the log file anew.

--daemon returns when the mount can be used, or else says why not and exits with the
code of that. The server then writes to the --log-file, or nothing. --run ends with the
exit code of CMD, 128 and more when a signal ended it.

` + ownerHelp + `

In /etc/fstab (package fuse3): SHARE MOUNTPOINT fuse.restorefs OPTIONS 0 0, where the
options are these flags without dashes, with _ for -: noauto,allow_other,memory=1GiB

` + backupHelp,
		Flags:  mountFlags(),
		Action: runMount,
	}
}

func mountFlags() []cli.Flag {
	return append([]cli.Flag{
		shareFlag(), memoryFlag(), cacheDirFlag(),
		overlayFlag("make the disks writable: what is written goes to this `DIR`, " +
			"the backups stay"),
		&cli.StringSliceFlag{Name: "backup",
			Usage: "only this `BACKUP`; may be given more than once"},
		&cli.StringSliceFlag{Name: "volume",
			Usage: "only backups of the `VOLUME` with this id, the start of it, or this name, " +
				"new ones too; may be given more than once"},
		&cli.BoolFlag{Name: "allow-other", DisableDefaultText: true,
			Usage: "let other users enter too, as far as the modes allow"},
		&cli.StringFlag{Name: "uid",
			Usage: "everything belongs to this `USER`, a number or a name"},
		&cli.StringFlag{Name: "gid",
			Usage: "everything belongs to this `GROUP`, a number or a name"},
		&cli.StringFlag{Name: "mode", Value: "0400",
			Usage: "octal `MODE` of files; who reads may enter directories; writing counts " +
				"with --overlay only"},
		&cli.BoolFlag{Name: "files", DisableDefaultText: true,
			Usage: "show the files inside each disk too, in files/ beside partitions/"},
		&cli.BoolFlag{Name: "files-owner", DisableDefaultText: true,
			Usage: "with --files: they belong to whoever mounts (or --uid, --gid), " +
				"who can read them all"},
		&cli.BoolFlag{Name: "daemon", DisableDefaultText: true,
			Usage: "go to the background once the mount can be used"},
		&cli.StringFlag{Name: "log-file",
			Usage: "once mounted, append messages to `FILE` instead of stderr"},
		&cli.StringFlag{Name: "run",
			Usage: "mount, run `CMD` with sh and RESTOREFS_MOUNT set to the mountpoint, unmount"},
		&cli.DurationFlag{Name: "idle-timeout",
			Usage: "unmount after nobody used the mount for `TIME`; 0: never"},
		&cli.BoolFlag{Name: "no-background-index", DisableDefaultText: true,
			Usage: "build indexes only by what is read, not ahead while nobody reads"},
		&cli.DurationFlag{Name: "refresh", Value: time.Minute,
			Usage: "look for new and deleted backups every `TIME`"},
		&cli.StringFlag{Name: "metrics-listen",
			Usage: "serve Prometheus metrics at http://`ADDRESS`/metrics; PORT alone is on " +
				"127.0.0.1"},
	}, slices.Concat(luksFlags(), []cli.Flag{cloudFlag()}, diskCacheFlags())...)
}

// ownerHelp explains what else other users need besides a mode.
const ownerHelp = "Files belong to whoever mounts and are for them alone. " +
	`Others need both a MODE (or
--uid, --gid) that lets them read and --allow-other, which for anybody but root needs
the line user_allow_other in /etc/fuse.conf. Think first: backups hold secrets.`

func runMount(c *cli.Context) error {
	o := commonOf(c)
	return mount.Run(c.Context, mount.Options{
		Err:           o.Err,
		Source:        o.source(),
		Memory:        o.memory,
		Command:       o.command,
		Given:         o.given,
		Args:          o.args,
		Backups:       c.StringSlice("backup"),
		Volumes:       c.StringSlice("volume"),
		Keys:          keysOf(c),
		DiskCacheSize: c.String("disk-cache-size"),
		UID:           c.String("uid"),
		GID:           c.String("gid"),
		Mode:          c.String("mode"),
		LogFile:       c.String("log-file"),
		Metrics:       c.String("metrics-listen"),
		RunCommand:    c.String("run"),
		Background:    c.Bool("daemon"),
		Files:         c.Bool("files"),
		FilesOwner:    c.Bool("files-owner"),
		Idle:          c.Duration("idle-timeout"),
		Refresh:       c.Duration("refresh"),
		Disks: serve.Options{
			DiskCache: c.String("disk-cache"), Overlay: c.String("overlay"),
			Index: !c.Bool("no-background-index"), Version: buildVersion(),
		},
		FUSE: fusefs.Options{AllowOther: c.Bool("allow-other")},
	})
}
