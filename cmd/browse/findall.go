package browse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/filereport"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/cmd/wording"
)

// maxKeptFound bounds the files that were found in one backup and are kept for the next one.
const maxKeptFound = 10000

// foundFile is a file that was found in a backup.
type foundFile struct {
	name string
	filereport.Found
}

// findAll looks for files in all backups of a volume.
type findAll struct {
	FindOptions
	catalog *backupstore.Catalog
	bytes   int64                 // of memory for each large user
	unlock  unlock                // or nil
	out     *filereport.FoundList // nil: lines

	before *backupstore.Backup // the one that was looked at last, and not in vain
	found  []foundFile
	reads  *files.Reads // that it took

	read int // backups that were read, not known to be as the one before
	with int // that have such a file
	tally
}

// FindAll finds files in all backups of the volume that o.Backup names. A backup whose bytes that
// the one before took are the same is not read.
func FindAll(ctx context.Context, o FindOptions) error {
	if err := o.checkAll(); err != nil {
		return err
	}
	memory, given, unlock, err := bounds(ctx, o.Options)
	if err != nil {
		return err
	}
	defer given.Close()
	catalog, _, err := source.Open(ctx, o.Source, backupstore.Options{DecoderBytes: memory})
	if err != nil {
		return err
	}
	defer catalog.Close()
	backups, err := o.volumeBackups(catalog)
	if err != nil {
		return err
	}
	f := &findAll{FindOptions: o, catalog: catalog, bytes: memory, unlock: unlock}
	if o.JSON {
		if f.out, err = filereport.NewFoundList(o.Out, backups[0].VolumeID); err != nil {
			return err
		}
	}
	for _, b := range backups {
		if err := f.lookIn(ctx, b); err != nil {
			return err
		}
	}
	if f.out != nil {
		if err := f.out.End(); err != nil {
			return err
		}
	}
	fmt.Fprintf(o.Err, "found in %d of %s; %d of them had to be read\n", f.with,
		wording.Count(len(backups), "backup"), f.read)
	return f.result("all was searched")
}

// checkAll refuses what --all does not go with.
func (o FindOptions) checkAll() error {
	switch {
	case o.Print0 || o.Long:
		return cmdline.Usagef("--all has lines of its own: leave --print0 and --long out")
	case o.Overlay != "":
		return cmdline.Usagef("--overlay is of one backup, and --all looks in all of a volume")
	case len(o.With) > 0:
		return cmdline.Usagef("--with is of one backup, and --all looks in all of a volume")
	case o.Want.Sort != files.ByName:
		return cmdline.Usagef("--sort is of one backup: " +
			"--all has the backups in order of their time")
	case o.Backup == "":
		return cmdline.Usagef("find --all takes VOLUME [PATTERN]; see \"restorefs find --help\"")
	}
	return nil
}

// volumeBackups returns the backups of a volume, oldest first. It is named as every volume is, or
// by one of its backups.
func (o FindOptions) volumeBackups(catalog *backupstore.Catalog) ([]*backupstore.Backup, error) {
	volume, err := catalog.LookupVolume(o.Backup)
	if _, many := errors.AsType[*backupstore.AmbiguousError](err); many {
		return nil, err
	} else if err != nil {
		b, err := source.Find(catalog, o.Backup, o.Err)
		if err != nil {
			return nil, err
		}
		volume = backupstore.FoundVolume{ID: b.VolumeID}
	}
	source.Tell(o.Err, volume.Notes)
	var out []*backupstore.Backup
	for _, b := range catalog.Backups() { // volume by volume, oldest first
		if b.VolumeID == volume.ID {
			out = append(out, b)
		}
	}
	return out, nil
}

// lookIn looks for the files in one backup.
func (f *findAll) lookIn(ctx context.Context, b *backupstore.Backup) error {
	if f.reads != nil {
		same, err := f.reads.Unchanged(ctx, f.catalog, f.before, b)
		if err != nil {
			return err
		}
		if same {
			return f.again(b)
		}
	}
	f.read++
	f.before, f.found, f.reads = b, nil, nil
	failed := f.failed
	kept, reads, err := f.search(ctx, b)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && errors.As(err, new(*writeFailed)):
		return err
	case err != nil:
		f.fail(b, "", advised(err))
	case failed == f.failed:
		f.found, f.reads = kept, reads
	}
	return nil
}

// writeFailed is an error of writing what was found.
type writeFailed struct{ error }

// again gives what was found before for a backup that is the same.
func (f *findAll) again(b *backupstore.Backup) error {
	for _, one := range f.found {
		one.Backup, one.CreatedAt = b.ID, b.CreatedAt.UTC()
		if err := f.give(one); err != nil {
			return err
		}
	}
	if len(f.found) > 0 {
		f.with++
	}
	return nil
}

func (f *findAll) give(one foundFile) error {
	if f.out != nil {
		return f.out.Add(one.Found)
	}
	_, err := fmt.Fprintln(f.Out, one.Line(one.name))
	return err
}

// fail tells what could not be read of a backup.
func (f *findAll) fail(b *backupstore.Backup, path string, err error) {
	where := "backup " + b.ID
	if path == "" {
		f.addBackup(err)
	} else {
		f.add(err)
		where += ", " + filereport.Name(path)
	}
	fmt.Fprintf(f.Err, "restorefs: %s: %s\n", where, exitcode.Explain(err))
	if f.out != nil {
		f.out.Fail(b.ID, path, err.Error())
	}
}

// search reads a backup. It returns what it found, and what that took; nil if that is too much to
// be kept.
func (f *findAll) search(ctx context.Context, backup *backupstore.Backup) ([]foundFile,
	*files.Reads, error) {
	reads := &files.Reads{}
	disk, err := files.Open(ctx, f.catalog, backup, files.Options{
		CacheBytes: f.bytes, MemoryFor: f.Memory.EnoughFor(), Reads: reads,
		Unlock: f.unlock, Logger: f.Source.Logger,
	})
	if err != nil {
		return nil, nil, err
	}
	defer disk.Close()
	b := &browser{out: f.Out, err: f.Err, backup: backup.ID, disk: disk,
		about: "backup " + backup.ID + ": "}
	nodes, err := b.beginnings(f.Below)
	if f.Below != "" && errors.Is(err, fs.ErrNotExist) {
		return nil, reads, nil
	}
	if err != nil {
		return nil, nil, err
	}
	f.addAll(b.tally)
	var kept []foundFile
	n := 0
	listing := files.Listing{Deep: true, Self: true, Select: f.Want,
		Failed: func(path string, err error) { f.fail(backup, path, err) },
		Found: func(node *files.Node) error {
			one := foundFile{disk.Name(node),
				filereport.NewFound(backup.ID, backup.CreatedAt, node)}
			if n++; n <= maxKeptFound {
				kept = append(kept, one)
			}
			if err := f.give(one); err != nil {
				return &writeFailed{err}
			}
			return nil
		}}
	for _, node := range nodes {
		if err := listing.List(ctx, node); err != nil {
			return nil, nil, err
		}
	}
	b.notes()
	if n > 0 {
		f.with++
	}
	if n > maxKeptFound {
		reads = nil
	}
	return kept, reads, nil
}
