package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/metrics"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/fusefs"
)

func mountCommand() *cli.Command {
	return &cli.Command{
		Name:      "mount",
		Usage:     "mount the backups: each one a raw disk file, readable at once",
		ArgsUsage: "MOUNTPOINT",
		Description: `The disks are at MOUNTPOINT/backups/BACKUP_ID/volume.raw, and under volumes/ and
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
		Flags: append([]cli.Flag{
			shareFlag(), memoryFlag(), cacheDirFlag(),
			overlayFlag("make the disks writable: what is written goes to this `DIR`, the backups stay"),
			&cli.StringSliceFlag{Name: "backup", Usage: "only this `BACKUP`; may be given more than once"},
			&cli.StringSliceFlag{Name: "volume", Usage: "only backups of the volume with this `ID` (or the start of it), new ones too; may be given more than once"},
			&cli.BoolFlag{Name: "allow-other", Usage: "let other users enter too, as far as the modes allow", DisableDefaultText: true},
			&cli.StringFlag{Name: "uid", Usage: flagText("USER")},
			&cli.StringFlag{Name: "gid", Usage: flagText("GROUP")},
			&cli.StringFlag{Name: "mode", Value: "0400", Usage: "octal `MODE` of files; who reads may enter directories; writing counts with --overlay only"},
			&cli.BoolFlag{Name: "daemon", Usage: "go to the background once the mount can be used", DisableDefaultText: true},
			&cli.StringFlag{Name: "log-file", Usage: "once mounted, append messages to `FILE` instead of stderr"},
			&cli.StringFlag{Name: "run", Usage: "mount, run `CMD` with sh and RESTOREFS_MOUNT set to the mountpoint, unmount"},
			&cli.DurationFlag{Name: "idle-timeout", Usage: "unmount after nobody used the mount for `TIME`; 0: never"},
			&cli.BoolFlag{Name: "no-background-index", Usage: "build indexes only by what is read, not ahead while nobody reads", DisableDefaultText: true},
			&cli.DurationFlag{Name: "refresh", Value: time.Minute, Usage: "look for new and deleted backups every `TIME`"},
			&cli.StringFlag{Name: "metrics-listen", Usage: "serve Prometheus metrics at http://`ADDRESS`/metrics; PORT alone is on 127.0.0.1"},
		}, diskCacheFlags()...),
		Action: mount,
	}
}

func mount(c *cli.Context) error {
	o, err := mountFlags(c)
	if err != nil {
		return err
	}
	if o.background && !process.IsServer() {
		return process.Daemonize(c.Context)
	}
	if err := fusefs.CheckMountpoint(o.mountpoint, o.dirs()); err != nil {
		return err
	}
	n := process.NewNotifier()
	if n.InBackground() {
		if err := o.makeAbsolute(); err != nil {
			return err
		}
	}
	if err := fusefs.CheckApart(o.mountpoint, o.written()); err != nil {
		return err
	}
	measured, err := metrics.Listen(c.Context, o.metrics)
	if err != nil {
		return err
	}
	defer measured.Close()
	catalog, share, err := openCatalogOn(c, o.share, o.catalog)
	if err != nil {
		return err
	}
	defer catalog.Close()
	if err := o.logTo(c.Context, share, n); err != nil {
		return err
	}
	o.disks.MetricsAddress = measured.Address()
	disks, err := openDisks(c, &o, catalog, share)
	if err != nil {
		return err
	}
	defer disks.Close()
	measured.Serve(disks.Metrics(), o.log)
	defer measured.Close() // before the disks, which it reports on
	hup := make(chan os.Signal, 1)
	closes := n.ClosesWithTerminal()
	signal.Notify(hup, syscall.SIGHUP) // unhandled, it would leave a dead mount
	defer signal.Stop(hup)
	o.fuse.Status, o.fuse.Source, o.fuse.Avoid = disks.StatusFile, share.Source, o.avoid(share)
	server, err := fusefs.Mount(c.Context, o.mountpoint, disks, o.fuse)
	if err != nil {
		return err
	}
	m := &liveMount{o: o, server: server, disks: disks, n: n, hup: hup, closes: closes, gone: make(chan struct{}), err: c.App.ErrWriter}
	return m.keep(c.Context)
}
