package mount

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/keys"
	"github.com/restorefs/restorefs/cmd/metrics"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/serve"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/fusefs"
)

// Run mounts and returns when the mount has ended. With o.Background it has another process do
// that, and returns when that mount can be used, or why it cannot.
func Run(ctx context.Context, o Options) error {
	if err := o.prepare(); err != nil {
		return err
	}
	if o.Background && !process.IsServer() {
		return inBackground(ctx, o)
	}
	return mount(ctx, o)
}

// inBackground has another process mount.
func inBackground(ctx context.Context, o Options) error {
	key, err := o.Keys.Descriptor()
	if err != nil {
		return err
	}
	if key == nil {
		return process.Daemonize(ctx)
	}
	defer key.Close()
	return process.Daemonize(ctx, process.Inherited{Env: keys.FDEnv, File: key})
}

// mount serves the disks until the mount has ended.
func mount(ctx context.Context, o Options) error {
	if err := fusefs.CheckMountpoint(o.mountpoint, o.makes()); err != nil {
		return err
	}
	n := process.NewNotifier()
	if n.InBackground() {
		if err := o.makeAbsolute(); err != nil {
			return err
		}
	}
	if err := fusefs.CheckApart(o.mountpoint, o.writes()); err != nil {
		return err
	}
	measured, err := metrics.Listen(ctx, o.Metrics)
	if err != nil {
		return err
	}
	defer measured.Close()
	given, err := o.openKeys(ctx)
	if err != nil {
		return err
	}
	defer given.Close()
	if given != nil {
		o.Disks.Unlock = given.Unlock
	}
	asBefore := process.KeepSmall()
	catalog, share, err := source.Open(ctx, o.Source, o.store)
	if err != nil {
		return err
	}
	defer catalog.Close()
	if err := o.logTo(ctx, share, n); err != nil {
		return err
	}
	o.Disks.MetricsAddress = measured.Address()
	disks, err := openDisks(ctx, &o, catalog, share)
	if err != nil {
		return err
	}
	defer disks.Close()
	measured.Serve(disks.Metrics(), o.Source.Logger)
	defer measured.Close() // before the disks, which it reports on
	hup := make(chan os.Signal, 1)
	closes := n.ClosesWithTerminal()
	signal.Notify(hup, syscall.SIGHUP) // unhandled, it would leave a dead mount
	defer signal.Stop(hup)
	o.show(disks, share)
	server, err := fusefs.Mount(ctx, o.mountpoint, disks, o.FUSE)
	if err != nil {
		return err
	}
	asBefore()
	m := &live{
		o: o, server: server, disks: disks, n: n, hup: hup, closes: closes,
		gone: make(chan struct{}),
	}
	return m.keep(ctx)
}

// show has the tree show what belongs to these disks.
func (o *Options) show(disks *serve.Disks, share *locate.Share) {
	o.FUSE.Status, o.FUSE.Source, o.FUSE.Avoid = disks.StatusFile, share.Source, o.avoid(share)
	if o.Disks.Unlock != nil { // keys were given
		o.FUSE.Plain = disks.Plain
	}
}

// logTo has the messages of the mount go to the file of --log-file, if there is one.
func (o *Options) logTo(ctx context.Context, share *locate.Share, n *process.Notifier) error {
	if o.LogFile == "" {
		return nil
	}
	if err := places.Outside(ctx, share, o.LogFile); err != nil {
		return fmt.Errorf("--log-file: %w", err)
	}
	return n.LogTo(o.LogFile)
}
