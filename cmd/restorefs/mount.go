package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cache"
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
			metricsFlag(),
		}, diskCacheFlags()...),
		Action: mount,
	}
}

func mount(c *cli.Context) error {
	if err := wantArgs(c, "MOUNTPOINT"); err != nil {
		return err
	}
	memory, err := memoryShare(c)
	if err != nil {
		return err
	}
	keptBytes, keptMemory, err := diskCacheSize(c)
	if err != nil {
		return err
	}
	memory -= keptMemory / 2 // both who have a share of it give way
	mode, err := fileMode(c)
	if err != nil {
		return err
	}
	owner, err := owner(c)
	if err != nil {
		return err
	}
	switch {
	case c.Duration("refresh") <= 0:
		return usagef("--refresh must be more than 0")
	case c.Duration("idle-timeout") < 0:
		return usagef("--idle-timeout must not be less than 0")
	case c.IsSet("run") && c.Bool("daemon"):
		return usagef("--run and --daemon exclude each other: --run ends when its command does")
	case c.Bool("daemon") && os.Getenv(readyEnv) == "":
		return daemonize(c)
	}
	if err := fusefs.CheckMountpoint(c.Args().First(), madeDirs(c)); err != nil {
		return err
	}
	notifier, err := newNotifier(c)
	if err != nil {
		return err
	}
	if err := fusefs.CheckApart(c.Args().First(), written(c)); err != nil {
		return err
	}
	listener, err := listenForMetrics(c)
	if err != nil {
		return err
	}
	if listener != nil {
		defer listener.Close()
	}
	where := shareOptions(c)
	if notifier.pipe != nil && !locate.IsExport(where.Share) && where.Share != "" { // the directory will be another one
		if where.Share, err = filepath.Abs(where.Share); err != nil {
			return err
		}
	}
	// Decoders hold windows and tables, the cache decoded spans.
	catalog, share, err := openCatalogOn(c, where, backupstore.Options{DecoderBytes: memory})
	if err != nil {
		return err
	}
	defer catalog.Close()
	if err := notifier.checkLog(c.Context, share); err != nil {
		return err
	}
	if len(catalog.Backups()) == 0 {
		// It may come yet: a mount that follows the share is to be there before it.
		newLogger(c).Warn(errNone(catalog).Error()+" It is looked at again and again, and backups appear as soon as they are there",
			"every", c.Duration("refresh"))
	}
	only, err := chosen(catalog, c.StringSlice("backup"), c.StringSlice("volume"))
	if err != nil {
		return err
	}
	kept, err := openDiskCache(c, share, keptBytes)
	if err != nil {
		return err
	}
	spans := cache.New(cache.Options{MemoryBytes: memory, MemoryFor: memoryFor(c), Logger: newLogger(c)})
	defer spans.Close()
	answerAtOnce()
	s := newServed(catalog, spans, newLogger(c), only)
	if kept != nil {
		defer kept.Close()
		s.disk = kept
	}
	if catalog.KeepsIndexes() && !c.Bool("no-background-index") {
		s.indexer = newIndexer(newLogger(c), catalog)
	}
	if s.writes, err = newOverlays(c, share); err == nil && s.writes != nil {
		err = s.writes.check(c.Context, catalog, only)
	}
	if err != nil {
		return err
	}
	if listener != nil {
		s.metricsAt = listener.Addr().String()
		defer serveMetrics(listener, s.registry, newLogger(c)).close()
	}
	avoid := written(c)
	if share.Dir != "" {
		avoid = append(avoid, share.Dir)
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // before there is a mount, which it would leave without its server
	defer signal.Stop(hup)
	server, err := fusefs.Mount(c.Context, c.Args().First(), s, fusefs.Options{
		AllowOther: c.Bool("allow-other"), Owner: owner, Mode: mode, Status: s.status(placeInFull(share)), Source: share.Source,
		Writable: s.writes != nil, Avoid: avoid, Logger: newLogger(c),
	})
	if err != nil {
		return err
	}
	return serve(c, server, s, notifier, hup)
}

// madeDirs are the directories that flags name and that are made if need be.
func madeDirs(c *cli.Context) (dirs []string) {
	for _, name := range []string{"cache-dir", "disk-cache", "overlay"} {
		if dir := c.String(name); dir != "" {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// serve keeps the mount until it is taken down, from here or from elsewhere, or
// until the command of --run has ended.
func serve(c *cli.Context, server *fusefs.Server, s *served, n *notifier, hup <-chan os.Signal) error {
	ctx, stop := context.WithCancel(c.Context)
	defer stop()
	watched, gone := make(chan struct{}), make(chan struct{})
	rescan := make(chan struct{}, 1)
	go func() {
		defer close(watched)
		s.watch(ctx, c.Duration("refresh"), rescan)
	}()
	var indexing sync.WaitGroup
	if s.indexer != nil {
		indexing.Go(func() { s.indexer.run(ctx) })
	}
	go func() {
		defer close(gone)
		server.Wait()
	}()
	defer func() { stop(); <-watched; indexing.Wait() }()

	if command := c.String("run"); command != "" {
		ended, err := runCommand(c.Context, command, server.Mountpoint())
		if err == nil {
			err = <-ended
		}
		end := takeDown(server, c, gone)
		if end != nil && err != nil {
			fmt.Fprintln(c.App.ErrWriter, "restorefs:", explain(end)) // the exit code is the command's
			return err
		}
		return errors.Join(err, end)
	}
	fmt.Fprintf(c.App.ErrWriter, "mounted on %s; %s\n", server.Mountpoint(), n.ending(server.Mountpoint()))
	if err := n.ready("mounted on " + server.Mountpoint()); err != nil {
		return errors.Join(err, takeDown(server, c, gone))
	}
	var idle <-chan time.Time
	limit := c.Duration("idle-timeout")
	if limit > 0 {
		s.lastAsked.Store(time.Now().UnixNano()) // nobody could before
		tick := time.NewTicker(max(limit/4, 10*time.Millisecond))
		defer tick.Stop()
		idle = tick.C
	}
	for {
		select {
		case <-gone:
			return nil
		case <-hup:
			if err := n.reopenLog(); err != nil {
				s.log.Warn("the log file stays as it was", "err", err)
			}
			select {
			case rescan <- struct{}{}:
			default: // one is about to be
			}
		case <-idle:
			if s.idle() >= limit && takeDownIdle(server, c, gone) {
				fmt.Fprintf(c.App.ErrWriter, "unmounted %s: nobody used it for %v\n", server.Mountpoint(), limit)
				return nil
			}
		case <-c.Context.Done():
			return takeDown(server, c, gone)
		}
	}
}

// takeDownIdle unmounts unless the mount is in use after all, say as a
// directory that somebody is in.
func takeDownIdle(server *fusefs.Server, c *cli.Context, gone <-chan struct{}) bool {
	ctx, cancel := context.WithTimeout(c.Context, 100*time.Millisecond)
	defer cancel()
	err := server.Unmount(ctx, fusefs.UnmountOptions{})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) { // that is: unmounted, and not yet at the end
		return false
	}
	select {
	case <-gone:
		return true
	case <-c.Context.Done():
		return false
	}
}

// takeDown unmounts after a signal, lazily when the mount is in use: its
// present readers keep it until they are done.
func takeDown(server *fusefs.Server, c *cli.Context, gone <-chan struct{}) error {
	log := newLogger(c)
	if err := sdNotify("STOPPING=1"); err != nil {
		log.Warn("cannot tell that the mount ends", "err", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context), 2*time.Second)
	defer cancel()
	if err := server.Unmount(ctx, fusefs.UnmountOptions{Logger: log}); err != nil {
		one := "a second signal"
		if c.Context.Err() == nil {
			one = "a signal"
		}
		fmt.Fprintf(c.App.ErrWriter, "%v; waiting until it is no longer used, %s ends it at once\n", err, one)
		if c.Context.Err() == nil {
			defer context.AfterFunc(c.Context, endAtOnce)()
		}
		if err := server.Unmount(context.WithoutCancel(c.Context), fusefs.UnmountOptions{Lazy: true, Logger: log}); err != nil {
			return err
		}
	}
	<-gone
	return nil
}

// endAtOnce ends the process as a signal does that nobody catches: those who
// still use the mount get errors.
func endAtOnce() {
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	syscall.Kill(os.Getpid(), syscall.SIGTERM)
}

// answerAtOnce is called when there are as many decoders and workers of
// read-ahead as processors. It adds a thread to answer the kernel, which would
// wait until one of those is interrupted otherwise: a dd on two processors takes a
// tenth longer.
func answerAtOnce() { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) }
