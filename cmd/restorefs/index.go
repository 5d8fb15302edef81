package main

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/report"
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
		Action: buildIndexes,
	}
}

func buildIndexes(c *cli.Context) error {
	if c.Bool("all") == c.Args().Present() {
		return cmdline.Usagef("index takes the backups to index, or --all; see \"restorefs index --help\"")
	}
	memory, err := memoryShare(c)
	if err != nil {
		return err
	}
	catalog, err := openCatalog(c, memory)
	if err != nil {
		return err
	}
	defer catalog.Close()
	if !catalog.KeepsIndexes() {
		return fmt.Errorf("indexes cannot be kept in %s: choose another --cache-dir", c.String("cache-dir"))
	}
	var chosen []*backupstore.Backup
	for _, b := range catalog.Backups() {
		if c.Bool("all") && b.State == backupstore.Complete {
			chosen = append(chosen, b)
		}
	}
	for _, ref := range c.Args().Slice() {
		b, err := catalog.Find(ref)
		if err != nil {
			return err
		}
		chosen = append(chosen, b)
	}
	var failed []error
	for _, b := range chosen {
		err := indexOne(c, catalog, b)
		if c.Context.Err() != nil {
			return fmt.Errorf("%w\nWhat is built is kept, the same command goes on from there", err)
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	if c.Bool("all") {
		failed = append(failed, wholeShare(catalog, len(catalog.Backups())))
	}
	return errors.Join(failed...)
}

func indexOne(c *cli.Context, catalog *backupstore.Catalog, b *backupstore.Backup) error {
	v, err := catalog.Open(c.Context, b)
	if err != nil {
		return err
	}
	var done, total, built atomic.Int64
	start := time.Now()
	stop := console.ShowLine(c.App.ErrWriter, console.LineEvery, console.WithRate(func() console.State {
		return console.State{Stage: "index " + b.ID[:8], Done: done.Load(), Total: total.Load()}
	}))
	err = v.BuildIndex(c.Context, backupstore.IndexOptions{
		Progress: func(d, t int64) { done.Store(d); total.Store(t) }, Built: func(n int64) { built.Add(n) },
	})
	stop()
	if err == nil {
		fmt.Fprintf(c.App.Writer, "%s  %s\n", b.ID, report.Indexed(built.Load(), total.Load(), time.Since(start)))
	}
	return err
}
