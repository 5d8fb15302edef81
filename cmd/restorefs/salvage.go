package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/materialize"
)

// salvageMode is --salvage, --salvage=zero or --salvage=keep.
type salvageMode string

// Set implements flag.Value.
func (m *salvageMode) Set(s string) error {
	switch s {
	case "true", "zero":
		*m = "zero"
	case "keep":
		*m = "keep"
	default:
		return fmt.Errorf("it is zero or keep")
	}
	return nil
}

// String implements flag.Value.
func (m *salvageMode) String() string { return string(*m) }

// IsBoolFlag lets the flag stand without a value (package flag).
func (m *salvageMode) IsBoolFlag() bool { return true }

// salvageFlag does not take the argument behind it for its value.
type salvageFlag struct{ *cli.GenericFlag }

// TakesValue implements cli.DocGenerationFlag.
func (salvageFlag) TakesValue() bool { return false }

// Values implements flagValues.
func (salvageFlag) Values() []string { return []string{"zero", "keep"} }

// String is what --help shows. The library would print "--salvage value".
func (f salvageFlag) String() string { return "--salvage[=zero|keep]\t" + f.Usage }

func newSalvageFlag() cli.Flag {
	return salvageFlag{&cli.GenericFlag{Name: "salvage", Value: new(salvageMode),
		Usage: "go on where the backup is damaged and nothing heals it: zero (the usual) puts zeros there, keep leaves what TARGET holds"}}
}

func salvaging(c *cli.Context) string { return c.Generic("salvage").(*salvageMode).String() }

// kept reads what a target holds; behind its end, and in a file that is not there
// yet, that is zeros.
func kept(path string) func(p []byte, off int64) error {
	return func(p []byte, off int64) error {
		clear(p)
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("keep what the target holds: %w", err)
		}
		defer f.Close()
		if _, err := f.ReadAt(p, off); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("keep what the target holds at byte %d: %w", off, err)
		}
		return nil
	}
}

// mapPath is where the map of what is lost goes.
func (r *restore) mapPath(target *materialize.Target) string {
	if target.Kind() != materialize.KindFile || r.cloud != nil { // its directory may be Cinder's
		return r.o.aside(r.backup.ID + ".bad-ranges.map")
	}
	return target.Path() + ".bad-ranges.map"
}

// salvaged tells what of a restore is lost, and leaves a map of it.
func (r *restore) salvaged(target *materialize.Target, bad []backupstore.Range) error {
	if len(bad) == 0 {
		return nil
	}
	path, b := r.mapPath(target), r.backup
	var text bytes.Buffer
	err := backupstore.WriteMap(&text, b.Size, bad, fmt.Sprintf("backup %s on %s", b.ID, printable(target.Path())))
	if err == nil {
		err = r.o.keep(path, text.Bytes())
	}
	if err != nil {
		fmt.Fprintf(r.o.err, "the map of the bad ranges is not written: %v\n", err)
		path = "above"
	}
	return r.o.lost(bad, "the map is "+path)
}

// lost lists ranges that are lost and is the error for it.
func (o console) lost(bad []backupstore.Range, hint string) error {
	if len(bad) == 0 {
		return nil
	}
	var total int64
	for _, r := range bad {
		total += r.Len
		fmt.Fprintf(o.err, "lost: bytes %d to %d\n", r.Off, r.Off+r.Len)
	}
	return fmt.Errorf("%s in %d range(s) are lost, all else is restored and verified; %s: %w", formatSize(total), len(bad), hint, backupstore.ErrDamaged)
}

// inDoubt is the error of a restore, with --salvage, of a backup of which nothing
// proves that its objects are where they belong.
func inDoubt(b *backupstore.Backup) error {
	if b.Doubt() == "" {
		return nil
	}
	return fmt.Errorf("all that the objects hold is restored, but it may stand in the wrong places: %s. "+
		"Check what is on it before you use it: %w", b.Doubt(), backupstore.ErrDamaged)
}
