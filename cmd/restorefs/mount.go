package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
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
Ctrl-C, SIGTERM or "restorefs unmount MOUNTPOINT". SIGHUP looks at the share anew.

` + backupHelp,
		Flags: []cli.Flag{
			shareFlag(), memoryFlag(), cacheDirFlag(),
			&cli.StringSliceFlag{Name: "backup", Usage: "only this `BACKUP`; may be given more than once"},
			&cli.BoolFlag{Name: "allow-other", Usage: "let other users enter too, as far as the modes allow", DisableDefaultText: true},
			&cli.BoolFlag{Name: "no-background-index", Usage: "build indexes only by what is read, not ahead while nobody reads", DisableDefaultText: true},
			&cli.DurationFlag{Name: "refresh", Value: time.Minute, Usage: "look for new and deleted backups every `TIME`"},
		},
		Action: mount,
	}
}

func mount(c *cli.Context) error {
	if err := wantArgs(c, "MOUNTPOINT"); err != nil {
		return err
	}
	memory, err := parseSize(c.String("memory"))
	if err != nil {
		return err
	}
	if c.Duration("refresh") <= 0 {
		return usagef("--refresh must be more than 0")
	}
	// Decoders hold windows and tables, the cache decoded spans.
	catalog, err := openCatalog(c, memory/2)
	if err != nil {
		return err
	}
	defer catalog.Close()
	only, err := chosen(catalog, c.StringSlice("backup"))
	if err != nil {
		return err
	}
	// Besides the budget: requests in flight, the catalogue, the runtime.
	debug.SetMemoryLimit(memory + memory/4 + 64<<20)
	spans := cache.New(cache.Options{MemoryBytes: memory / 2, Logger: newLogger(c)})
	defer spans.Close()
	s := newServed(catalog, spans, newLogger(c), only)
	if catalog.KeepsIndexes() && !c.Bool("no-background-index") {
		s.indexer = newIndexer(newLogger(c))
	}
	server, err := fusefs.Mount(c.Context, c.Args().First(), s, fusefs.Options{
		AllowOther: c.Bool("allow-other"), Avoid: []string{c.String("share"), c.String("cache-dir")}, Logger: newLogger(c),
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.App.ErrWriter, "mounted on %s; Ctrl-C or \"restorefs unmount %s\" ends it\n", server.Mountpoint(), server.Mountpoint())
	return serve(c, server, s)
}

// chosen returns which backups to serve: all, or those that refs name.
func chosen(catalog *backupstore.Catalog, refs []string) (func(*backupstore.Backup) bool, error) {
	if len(refs) == 0 {
		return func(*backupstore.Backup) bool { return true }, nil
	}
	ids := map[string]bool{}
	for _, ref := range refs {
		b, err := catalog.Find(ref)
		if err != nil {
			return nil, err
		}
		ids[b.ID] = true
	}
	return func(b *backupstore.Backup) bool { return ids[b.ID] }, nil
}

// serve keeps the mount until it is taken down, from here or from elsewhere.
func serve(c *cli.Context, server *fusefs.Server, s *served) error {
	ctx, stop := context.WithCancel(c.Context)
	defer stop()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	rescan, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		s.watch(ctx, c.Duration("refresh"), rescan)
	}()
	var indexing sync.WaitGroup
	if s.indexer != nil {
		indexing.Go(func() { s.indexer.run(ctx) })
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		server.Wait()
	}()
	defer func() { stop(); <-watched; indexing.Wait() }()
	for {
		select {
		case <-gone:
			return nil
		case <-hup:
			select {
			case rescan <- struct{}{}:
			case <-watched:
			case <-gone:
				return nil
			}
		case <-c.Context.Done():
			return takeDown(server, c, gone)
		}
	}
}

// takeDown unmounts after a signal, lazily when the mount is in use: its
// present readers keep it until they are done.
func takeDown(server *fusefs.Server, c *cli.Context, gone <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context), 2*time.Second)
	defer cancel()
	if err := server.Unmount(ctx, fusefs.UnmountOptions{Logger: newLogger(c)}); err != nil {
		fmt.Fprintf(c.App.ErrWriter, "%v; waiting until it is no longer used, a second signal ends it at once\n", err)
		if err := server.Unmount(context.WithoutCancel(c.Context), fusefs.UnmountOptions{Lazy: true, Logger: newLogger(c)}); err != nil {
			return err
		}
	}
	<-gone
	return nil
}
