package inspect

import (
	"context"
	"fmt"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/cmd/wording"
)

// DiffOptions are what the arguments of diff ask for.
type DiffOptions struct {
	console.Console
	Source source.Options
	A, B   string // the backups, as they were named
}

// Diff shows which ranges differ between two backups.
func Diff(ctx context.Context, o DiffOptions) error {
	catalog, _, err := source.Open(ctx, o.Source, backupstore.Options{DecoderBytes: 16 << 20})
	if err != nil {
		return err
	}
	defer catalog.Close()
	a, err := source.Find(catalog, o.A, o.Err)
	if err != nil {
		return err
	}
	b, err := source.Find(catalog, o.B, o.Err)
	if err != nil {
		return err
	}
	out := report.Ranged{W: o.Out, JSON: o.JSON}
	for r, err := range catalog.Diff(ctx, a, b) {
		if err == nil {
			err = out.Add(r)
		}
		if err != nil {
			return err
		}
	}
	if o.JSON {
		return out.End()
	}
	out.PrintSum(max(a.Size, b.Size))
	if a.Size != b.Size {
		fmt.Fprintf(o.Err,
			"the volumes have %s and %s: the shorter one counts as zero behind its end\n",
			wording.Size(a.Size), wording.Size(b.Size))
	}
	return nil
}
