package inspect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/diskmap"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/proven"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs/contents"
)

// MapOptions are what the flags of map ask for.
type MapOptions struct {
	console.Console
	Source  source.Options
	Memory  process.Memory
	Backup  string // as it was named
	Picture places.Result
	Form    Form
	Columns int           // of the terminal
	Colour  bool          // in it
	Verify  bool          // prove the backup first
	Jobs    int           // see [VerifyOptions]
	Look    time.Duration // at the disk
	Record  places.Record
}

// Form says as what a map is drawn.
type Form int

// The forms of a map.
const (
	Text Form = iota // in a terminal
	JSON
	SVG
	PNG
)

// jsonCells is how finely JSON describes a disk.
const jsonCells = 4096

// Map draws which parts of a backup's disk are zero, from which backup the others come, and what is
// damaged.
func Map(ctx context.Context, o MapOptions) error {
	bytes, err := o.Memory.Bound()
	if err != nil {
		return err
	}
	catalog, share, err := source.Open(ctx, o.Source,
		backupstore.Options{DecoderBytes: bytes, NoIndexBuild: true})
	if err != nil {
		return err
	}
	defer catalog.Close()
	if err := o.Picture.Check(ctx, share); err != nil {
		return err
	}
	b, err := source.Find(catalog, o.Backup, o.Err)
	if err != nil {
		return err
	}
	v, err := catalog.Outline(ctx, b)
	if err != nil {
		return err
	}
	m, err := diskmap.Look(ctx, v, o.cells())
	if err != nil {
		return err
	}
	book, verdict, err := o.mark(ctx, catalog, share, m)
	if err != nil {
		return err
	}
	n := diskmap.Notes{}
	if n.Parts, err = o.parts(ctx, v); err != nil {
		return err
	}
	for _, line := range report.NewProven(book.Of(b)).Lines() {
		n.Proven = append(n.Proven, "proven: "+line)
	}
	if !o.Verify && undrawn(book.Of(b)) {
		n.Proven = append(n.Proven,
			"more is damaged than was kept: --verify finds all")
	}
	if len(n.Proven) == 0 {
		n.Proven = []string{"not proven yet, so damage is not known: --verify proves it"}
	}
	return errors.Join(o.draw(m, n), verdict)
}

// cells returns how many a picture may have.
func (o MapOptions) cells() int {
	switch o.Form {
	case JSON:
		return jsonCells
	case SVG, PNG:
		return diskmap.PictureCells
	}
	return diskmap.TerminalCells(o.Columns, o.Colour)
}

// draw draws the map where it is wanted.
func (o MapOptions) draw(m *diskmap.Map, n diskmap.Notes) error {
	switch o.Form {
	case JSON:
		return wording.WriteJSON(o.Out, m.Describe(n))
	case SVG:
		return o.Picture.Write(m.SVG(n))
	case PNG:
		data, err := m.PNG(n)
		if err != nil {
			return err
		}
		return o.Picture.Write(data)
	}
	return m.Print(o.Out, n, o.Columns, o.Colour)
}

// mark marks what is damaged, by what verify found out before or, if that is asked for, finds out
// now; then verdict is its error for a backup that is damaged, and why that could not be kept.
func (o MapOptions) mark(ctx context.Context, catalog *backupstore.Catalog, share *locate.Share,
	m *diskmap.Map) (book *proven.Book, verdict, err error) {
	if !o.Verify {
		if book, err = source.Proven(o.Record); err != nil {
			return nil, nil, err
		}
		if bad := book.Of(m.Backup).Bad; bad != nil {
			for _, r := range bad.Damaged {
				m.Damage(r.Offset, r.Length, markOf(r.Healed))
			}
		}
		return book, nil, nil
	}
	if book, err = source.Keeping(ctx, o.Record, share); err != nil {
		return nil, nil, err
	}
	verify := VerifyOptions{Console: o.Console, Source: o.Source, Jobs: o.Jobs, Record: o.Record}
	kept := &keeper{o: verify, book: book, at: time.Now()}
	tally := report.Tally{}
	unkept, err := verify.proof(ctx, catalog, []*backupstore.Backup{m.Backup}, kept,
		func(r backupstore.Report) {
			tally.Add(r)
			for _, d := range r.Damaged {
				m.Damage(d.Offset, d.Length, markOf(d.Sibling != ""))
			}
		})
	return book, errors.Join(tally.Err(1), unkept), err
}

// undrawn says whether more is damaged than the ranges that are kept.
func undrawn(l proven.Last) bool {
	if l.Bad == nil {
		return false
	}
	left := l.Bad.Lost
	for _, r := range l.Bad.Damaged {
		left -= r.Length
	}
	return left > 0
}

func markOf(healed bool) diskmap.Mark {
	if healed {
		return diskmap.Healed
	}
	return diskmap.Lost
}

// parts looks where the partitions are, for so long as may be. It fails only if the context ends.
func (o MapOptions) parts(ctx context.Context, v *backupstore.Volume) ([]contents.Part, error) {
	if o.Look <= 0 {
		return nil, nil
	}
	soon, cancel := context.WithTimeout(ctx, o.Look)
	defer cancel()
	s, err := contents.Look(source.Reader{Ctx: soon, V: v}, v.Size())
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && soon.Err() != nil:
		fmt.Fprintf(o.Err, "where the partitions are takes more than %v to find out; "+
			"--look gives it longer\n", o.Look)
	case err != nil:
		fmt.Fprintf(o.Err, "not all of the partitions could be looked at: %s\n",
			wording.Printable(err.Error()))
	}
	return s.Parts, nil
}
