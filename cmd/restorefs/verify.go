package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "prove that backups can be restored bit for bit, or compare a device with one",
		ArgsUsage: "[BACKUP...]",
		Description: backupHelp + `

Without BACKUP all backups are verified. Every object of a backup and of its
parents is read and decoded, once however many backups share it, and compared
with the digests that Cinder took when it made the backup. Nothing is healed:
what is damaged is listed, with the backup that has the same bytes, if any has.

--target reads only the device or file and compares it with the digests of one
BACKUP. It may be in use; it is not written. Ranges that differ: exit status 1.`,
		Flags: []cli.Flag{
			shareFlag(), jsonFlag(), memoryFlag(), cacheDirFlag(),
			&cli.IntFlag{Name: "jobs", Aliases: []string{"j"},
				Usage: "read `N` objects in parallel (0: one for each processor)"},
			&cli.StringFlag{Name: "sample",
				Usage: "prove only this `PART` of the blocks with data, chosen at " +
					"random, such as 5%"},
			progressFlag(),
			&cli.StringFlag{Name: "target", Usage: "compare this `DEVICE` or file with BACKUP"},
		},
		Action: runVerify,
	}
}

// verifyOptions are what the flags of verify ask for.
type verifyOptions struct {
	common
	sample string  // as it was given
	part   float64 // the same, 0 for all
	target string  // "": the backups are verified
	bytes  int64   // of memory for each large user
}

func runVerify(c *cli.Context) error {
	return verify(c.Context, verifyOptions{common: commonOf(c), sample: c.String("sample"),
		target: c.String("target")})
}

func verify(ctx context.Context, o verifyOptions) (err error) {
	if err := o.CheckProgress(); err != nil {
		return err
	}
	if o.part, err = cmdline.ParsePart(o.sample); err != nil {
		return err
	}
	if o.bytes, err = o.memory.Bound(); err != nil {
		return err
	}
	switch {
	case o.target != "" && o.given.Has("sample"):
		return cmdline.Usagef("--sample does not go with --target")
	case o.target != "" && len(o.args) != 1:
		return cmdline.Usagef("verify --target takes one BACKUP, %s given",
			wording.Count(len(o.args), "argument"))
	}
	catalog, _, err := o.open(ctx, backupstore.Options{DecoderBytes: o.bytes, NoIndexBuild: true})
	if err != nil {
		return err
	}
	defer catalog.Close()
	var backups []*backupstore.Backup
	for _, ref := range o.args {
		b, err := o.find(catalog, ref)
		if err != nil {
			return err
		}
		backups = append(backups, b)
	}
	switch {
	case o.target != "":
		return o.compare(ctx, catalog, backups[0])
	case len(backups) > 0:
		return o.verifyBackups(ctx, catalog, backups)
	}
	return o.verifyAll(ctx, catalog)
}

// verifyAll verifies all that Cinder completed.
func (o verifyOptions) verifyAll(ctx context.Context, catalog *backupstore.Catalog) error {
	var backups []*backupstore.Backup
	all := catalog.Backups()
	for _, b := range all {
		if b.State != backupstore.Incomplete {
			backups = append(backups, b)
		}
	}
	if n := len(all) - len(backups); n > 0 {
		fmt.Fprintf(o.Err,
			"%s left out that Cinder is writing or did not complete (list --all shows them)\n",
			wording.Count(n, "backup"))
	}
	return errors.Join(o.verifyBackups(ctx, catalog, backups), source.WholeShare(catalog, len(all)))
}

func (o verifyOptions) verifyBackups(ctx context.Context, catalog *backupstore.Catalog,
	backups []*backupstore.Backup) error {
	how := backupstore.VerifyOptions{Jobs: o.jobs, Sample: o.part,
		Progress: &backupstore.VerifyProgress{}}
	show := func() (stop func()) {
		return o.ShowProgress(func() console.State {
			done, total := how.Progress.Snapshot()
			return console.State{Stage: "verifying", Done: done, Total: total}
		})
	}
	stop := show()
	out := []report.Verified{}
	tally := report.Tally{}
	err := catalog.Verify(ctx, backups, how, func(r backupstore.Report) error {
		tally.Add(r)
		if o.JSON {
			out = append(out, report.NewVerified(r))
			return nil
		}
		stop()
		report.PrintVerified(o.Out, r, o.part)
		stop = show()
		return nil
	})
	stop()
	if err != nil {
		return err
	}
	if o.JSON {
		if err := wording.WriteJSON(o.Out, out); err != nil {
			return err
		}
	}
	return tally.Err(len(backups))
}

// compare compares a device or file with a backup.
func (o verifyOptions) compare(ctx context.Context, catalog *backupstore.Catalog,
	b *backupstore.Backup) error {
	volume, err := catalog.Open(ctx, b)
	if err != nil {
		return err
	}
	progress := &materialize.Progress{}
	stop := o.ShowProgress(copyState(progress, volume))
	result, err := materialize.Compare(ctx, volume, o.target, materialize.Options{
		Jobs: o.jobs, MemoryBytes: o.bytes, MemoryFor: o.memory.EnoughFor(), Progress: progress,
		Logger: o.log,
	})
	stop()
	if err != nil {
		return err
	}
	if o.JSON {
		if err := wording.WriteJSON(o.Out, report.NewCompared(b.ID, o.target, result)); err != nil {
			return err
		}
	} else {
		report.PrintCompared(o.Out, b.ID, o.target, result)
	}
	if !result.Equal() {
		return fmt.Errorf("%s differs from backup %s in %s of %s", wording.Printable(o.target),
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
