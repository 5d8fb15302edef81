package inspect

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/source"
)

// IndexOptions are what the flags of index ask for.
type IndexOptions struct {
	console.Console
	Source  source.Options
	Memory  process.Memory
	Backups []string // as they were named; none for all complete ones
}

// Index builds the indexes of backups.
func Index(ctx context.Context, o IndexOptions) error {
	memory, err := o.Memory.Bound()
	if err != nil {
		return err
	}
	catalog, _, err := source.Open(ctx, o.Source, backupstore.Options{DecoderBytes: memory})
	if err != nil {
		return err
	}
	defer catalog.Close()
	if !catalog.KeepsIndexes() {
		return fmt.Errorf("indexes cannot be kept in %s: choose another --cache-dir",
			o.Source.Cache.Dir)
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
	if len(o.Backups) == 0 {
		failed = append(failed, source.WholeShare(catalog, len(catalog.Backups())))
	}
	return errors.Join(failed...)
}

// choose returns the backups to index.
func (o IndexOptions) choose(catalog *backupstore.Catalog) (chosen []*backupstore.Backup,
	err error) {
	for _, ref := range o.Backups {
		b, err := source.Find(catalog, ref, o.Err)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, b)
	}
	if len(o.Backups) > 0 {
		return chosen, nil
	}
	for _, b := range catalog.Backups() {
		if b.State == backupstore.Complete {
			chosen = append(chosen, b)
		}
	}
	return chosen, nil
}

func (o IndexOptions) indexOne(ctx context.Context, catalog *backupstore.Catalog,
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
