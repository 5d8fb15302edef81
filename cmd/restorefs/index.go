package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/source"
)

func indexCommand() *cli.Command {
	return &cli.Command{
		Name:      "index",
		Usage:     "build seek indexes ahead of time, so that random reads are quick at once",
		ArgsUsage: "[BACKUP...]",
		Description: backupHelp + `

An index is about 1 % of its object. A mount builds indexes by itself while it
is read; this command does it before anybody waits. It can be interrupted and
continues where it was.`,
		Flags: []cli.Flag{
			shareFlag(), memoryFlag(), cacheDirFlag(),
			&cli.BoolFlag{Name: "all", Usage: "all complete backups", DisableDefaultText: true},
		},
		Action: runIndex,
	}
}

// indexOptions are what the flags of index ask for.
type indexOptions struct {
	common
	all bool // all complete backups
}

func runIndex(c *cli.Context) error {
	return buildIndexes(c.Context, indexOptions{common: commonOf(c), all: c.Bool("all")})
}

func buildIndexes(ctx context.Context, o indexOptions) error {
	if o.all == (len(o.args) > 0) {
		return cmdline.Usagef("index takes the backups to index, or --all; see \"restorefs index " +
			"--help\"")
	}
	memory, err := o.memory.Bound()
	if err != nil {
		return err
	}
	catalog, _, err := o.open(ctx, backupstore.Options{DecoderBytes: memory})
	if err != nil {
		return err
	}
	defer catalog.Close()
	if !catalog.KeepsIndexes() {
		return fmt.Errorf("indexes cannot be kept in %s: choose another --cache-dir", o.cache.Dir)
	}
	chosen, err := o.choose(catalog)
	if err != nil {
		return err
	}
	var failed []error
	for _, b := range chosen {
		err := o.indexOne(ctx, catalog, b)
		if ctx.Err() != nil {
			return fmt.Errorf("%w\nWhat is built is kept, the same command goes on from there", err)
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	if o.all {
		failed = append(failed, source.WholeShare(catalog, len(catalog.Backups())))
	}
	return errors.Join(failed...)
}

// choose returns the backups to index.
func (o indexOptions) choose(catalog *backupstore.Catalog) (chosen []*backupstore.Backup,
	err error) {
	for _, b := range catalog.Backups() {
		if o.all && b.State == backupstore.Complete {
			chosen = append(chosen, b)
		}
	}
	for _, ref := range o.args {
		b, err := o.find(catalog, ref)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, b)
	}
	return chosen, nil
}

func (o indexOptions) indexOne(ctx context.Context, catalog *backupstore.Catalog,
	b *backupstore.Backup) error {
	v, err := catalog.Open(ctx, b)
	if err != nil {
		return err
	}
	var done, total, built atomic.Int64
	start := time.Now()
	stop := console.ShowLine(o.Err, console.LineEvery, console.WithRate(func() console.State {
		return console.State{Stage: "index " + b.ID[:8], Done: done.Load(), Total: total.Load()}
	}))
	err = v.BuildIndex(ctx, backupstore.IndexOptions{
		Progress: func(d, t int64) { done.Store(d); total.Store(t) },
		Built:    func(n int64) { built.Add(n) },
	})
	stop()
	if err == nil {
		fmt.Fprintf(o.Out, "%s  %s\n", b.ID, report.Indexed(built.Load(), total.Load(),
			time.Since(start)))
	}
	return err
}
