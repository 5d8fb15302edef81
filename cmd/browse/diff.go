package browse

import (
	"context"
	"fmt"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/filereport"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/fusefs/inside"
)

// maxDiffRanges bounds the ranges that are kept: what lies behind them counts as different.
const maxDiffRanges = 1 << 19

// Diff lists the files that differ between two backups: o.Backup and the one that other names.
func Diff(ctx context.Context, o Options, other string) error {
	memory, err := o.Memory.Bound()
	if err != nil {
		return err
	}
	memory /= 2 // two disks are open
	catalog, _, err := source.Open(ctx, o.Source, backupstore.Options{DecoderBytes: memory})
	if err != nil {
		return err
	}
	defer catalog.Close()
	d := &diff{}
	for i, ref := range []string{o.Backup, other} {
		b, err := source.Find(catalog, ref, o.Err)
		if err != nil {
			return err
		}
		disk, err := files.Open(ctx, catalog, b, files.Options{
			CacheBytes: memory, MemoryFor: o.Memory.EnoughFor(), Logger: o.Source.Logger})
		if err != nil {
			return err
		}
		defer disk.Close()
		d.sides[i] = &browser{out: o.Out, err: o.Err, backup: b.ID, disk: disk,
			about: "backup " + b.ID + ": "}
		d.backups[i] = b
	}
	if d.out, err = filereport.NewChanges(o.Out, o.JSON, d.backups[0].ID,
		d.backups[1].ID); err != nil {
		return err
	}
	if err := d.differing(ctx, catalog); err != nil {
		return err
	}
	if err := d.compare(ctx); err != nil {
		return err
	}
	if err := d.out.End(); err != nil {
		return err
	}
	for _, side := range d.sides {
		side.notes()
	}
	fmt.Fprintln(o.Err, d.out.Words())
	return d.sides[1].result("all was compared")
}

// diff compares the files of two backups.
type diff struct {
	backups [2]*backupstore.Backup
	sides   [2]*browser
	differs []backupstore.Range
	out     *filereport.Changes
}

// differing finds out in which ranges the disks differ.
func (d *diff) differing(ctx context.Context, catalog *backupstore.Catalog) error {
	for r, err := range catalog.Diff(ctx, d.backups[0], d.backups[1]) {
		if err != nil {
			return err
		}
		if len(d.differs) == maxDiffRanges {
			last := &d.differs[maxDiffRanges-1]
			last.Len = max(d.backups[0].Size, d.backups[1].Size) - last.Off
			return nil
		}
		d.differs = append(d.differs, r)
	}
	return nil
}

// compare compares the parts of both disks that have the same name.
func (d *diff) compare(ctx context.Context) error {
	a, b := d.sides[0], d.sides[1]
	compared := 0
	for _, p := range b.disk.Parts {
		other := partOf(a.disk, p.Name)
		switch {
		case !mayHaveFiles(p):
			if !p.Container && p.Kind != "" && p.Kind != "swap" {
				b.note(fmt.Sprintf("%s is not compared: it is %s, whose files are not read here",
					p.Name, p.Kind))
			}
			continue
		case other == nil || !mayHaveFiles(other):
			b.note(p.Name +
				" is not compared: the other disk has no such part whose files are read here")
			continue
		}
		compared++
		if err := d.comparePart(ctx, p.Name); err != nil {
			return err
		}
	}
	if compared == 0 {
		return fmt.Errorf("the disks of %s and %s have no part in common whose files are "+
			"read here%s",
			a.backup, b.backup, adviceFor(b.disk.Parts, false))
	}
	return nil
}

// comparePart compares the files of one part.
func (d *diff) comparePart(ctx context.Context, part string) error {
	a, b := d.sides[0], d.sides[1]
	var roots [2]*files.Node
	for i, side := range d.sides {
		root, err := side.find(part+":/", true)
		if err != nil {
			d.failed("backup "+side.backup+", "+part, err)
			return ctx.Err()
		}
		roots[i] = root
	}
	return files.Compare(ctx, a.disk, b.disk, roots[0], roots[1], d.differs, files.CompareOptions{
		Found:  func(c files.Change) error { return d.out.Add(c, b.disk.Name(c.Node())) },
		Failed: d.failed,
	})
}

// failed tells what could not be compared.
func (d *diff) failed(path string, err error) {
	d.sides[1].told(path, advised(err))
	d.out.Fail(path, err)
}

// partOf returns the part of a name, or nil.
func partOf(d *files.Disk, name string) *inside.Part {
	for _, p := range d.Parts {
		if p.Name == name {
			return p
		}
	}
	return nil
}
