package inspect

import (
	"context"
	"fmt"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize"
)

// compare compares a device or file with a backup.
func (o VerifyOptions) compare(ctx context.Context, catalog *backupstore.Catalog,
	b *backupstore.Backup) error {
	volume, err := catalog.Open(ctx, b)
	if err != nil {
		return err
	}
	progress := &materialize.Progress{}
	stop := o.ShowProgress(copyState(progress, volume))
	result, err := materialize.Compare(ctx, volume, o.Target, materialize.Options{
		Jobs: o.Jobs, MemoryBytes: o.bytes, MemoryFor: o.Memory.EnoughFor(), Progress: progress,
		Logger: o.Source.Logger,
	})
	stop()
	if err != nil {
		return err
	}
	if o.JSON {
		if err := wording.WriteJSON(o.Out, report.NewCompared(b.ID, o.Target, result)); err != nil {
			return err
		}
	} else {
		report.PrintCompared(o.Out, b.ID, o.Target, result)
	}
	if !result.Equal() {
		return fmt.Errorf("%s differs from backup %s in %s of %s", wording.Printable(o.Target),
			b.ID,
			wording.Size(result.DifferingBytes), wording.Size(result.Size))
	}
	return nil
}

// copyState returns how far a comparison has got.
func copyState(p *materialize.Progress, volume *backupstore.Volume) func() console.State {
	return func() console.State {
		s := p.Counts()
		out := console.State{Stage: s.Stage.String(), Done: s.Done, Total: s.Total,
			Written: s.Written, Zeroed: s.Zeroed, Skipped: s.Skipped}
		for _, r := range volume.Healed() {
			out.Healed += r.Len
		}
		return out
	}
}
