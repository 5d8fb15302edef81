package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/report"
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
			&cli.IntFlag{Name: "jobs", Aliases: []string{"j"}, Usage: "read `N` objects in parallel (0: one for each processor)"},
			&cli.StringFlag{Name: "sample", Usage: "prove only this `PART` of the blocks with data, chosen at random, such as 5%"},
			progressFlag(),
			&cli.StringFlag{Name: "target", Usage: "compare this `DEVICE` or file with BACKUP"},
		},
		Action: runVerify,
	}
}

func runVerify(c *cli.Context) error {
	if err := checkProgressFlag(c); err != nil {
		return err
	}
	part, err := cmdline.ParsePart(c.String("sample"))
	if err != nil {
		return err
	}
	memory, err := memoryShare(c)
	if err != nil {
		return err
	}
	target := c.String("target")
	switch {
	case target != "" && c.IsSet("sample"):
		return cmdline.Usagef("--sample does not go with --target")
	case target != "" && c.NArg() != 1:
		return cmdline.Usagef("verify --target takes one BACKUP, %s given", wording.Count(c.NArg(), "argument"))
	}
	catalog, _, err := openCatalogOn(c, shareOptions(c), backupstore.Options{DecoderBytes: memory, NoIndexBuild: true})
	if err != nil {
		return err
	}
	defer catalog.Close()
	var backups []*backupstore.Backup
	for _, ref := range c.Args().Slice() {
		b, err := catalog.Find(ref)
		if err != nil {
			return err
		}
		backups = append(backups, b)
	}
	if target != "" {
		return compareTarget(c, catalog, backups[0], target, memory)
	}
	if len(backups) > 0 {
		return verifyBackups(c, catalog, backups, part)
	}
	all := catalog.Backups()
	for _, b := range all {
		if b.State != backupstore.Incomplete {
			backups = append(backups, b)
		}
	}
	if n := len(all) - len(backups); n > 0 {
		fmt.Fprintf(c.App.ErrWriter, "%s left out that Cinder is writing or did not complete (list --all shows them)\n", wording.Count(n, "backup"))
	}
	return errors.Join(verifyBackups(c, catalog, backups, part), wholeShare(catalog, len(all)))
}

func verifyBackups(c *cli.Context, catalog *backupstore.Catalog, backups []*backupstore.Backup, part float64) error {
	o := backupstore.VerifyOptions{Jobs: c.Int("jobs"), Sample: part, Progress: &backupstore.VerifyProgress{}}
	show := func() (stop func()) {
		return consoleOf(c).ShowProgress(func() console.State {
			done, total := o.Progress.Snapshot()
			return console.State{Stage: "verifying", Done: done, Total: total}
		})
	}
	stop := show()
	out := []report.Verified{}
	damaged, broken, incomplete, unread := 0, 0, 0, 0
	err := catalog.Verify(c.Context, backups, o, func(r backupstore.Report) error {
		switch {
		case r.OK:
		case len(r.Damaged) == 0 && len(r.Unread) > 0:
			unread++
		case r.Backup.State == backupstore.Incomplete:
			incomplete++
		case r.Backup.State == backupstore.Broken:
			broken++
		default:
			damaged++
		}
		if c.Bool("json") {
			out = append(out, report.NewVerified(r))
			return nil
		}
		stop()
		report.PrintVerified(c.App.Writer, r, part)
		stop = show()
		return nil
	})
	stop()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		if err := wording.WriteJSON(c.App.Writer, out); err != nil {
			return err
		}
	}
	var errs []error
	if bad := damaged + broken + incomplete; bad > 0 {
		errs = append(errs, fmt.Errorf("%d of %d backups cannot be restored whole from their own files (damaged: %d, broken: %d, incomplete: %d): %w",
			bad, len(backups), damaged, broken, incomplete, backupstore.ErrDamaged))
	}
	if unread > 0 {
		errs = append(errs, fmt.Errorf("of %d of %d backups not all could be read, which says nothing of whether they are right: "+
			"mend that (see above) and verify them again", unread, len(backups)))
	}
	return errors.Join(errs...)
}

// compareTarget compares a device or file with a backup.
func compareTarget(c *cli.Context, catalog *backupstore.Catalog, b *backupstore.Backup, target string, memory int64) error {
	volume, err := catalog.Open(c.Context, b)
	if err != nil {
		return err
	}
	progress := &materialize.Progress{}
	stop := consoleOf(c).ShowProgress(copyState(progress, volume))
	result, err := materialize.Compare(c.Context, volume, target, materialize.Options{
		Jobs: c.Int("jobs"), MemoryBytes: memory, MemoryFor: memoryFor(c), Progress: progress, Logger: newLogger(c),
	})
	stop()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		out := report.NewCompared(b.ID, target, result)
		if err := wording.WriteJSON(c.App.Writer, out); err != nil {
			return err
		}
	} else {
		report.PrintRanges(c.App.Writer, result.Differing)
		if result.Truncated {
			fmt.Fprintln(c.App.Writer, "... and more")
		}
	}
	if !result.Equal() {
		return fmt.Errorf("%s differs from backup %s in %s of %s", wording.Printable(target), b.ID, wording.Size(result.DifferingBytes), wording.Size(result.Size))
	}
	if !c.Bool("json") {
		fmt.Fprintf(c.App.Writer, "%s holds backup %s: %s compared, all equal\n", wording.Printable(target), b.ID, wording.Size(result.Size))
	}
	return nil
}

// copyState returns how far a comparison has got.
func copyState(p *materialize.Progress, volume *backupstore.Volume) func() console.State {
	return func() console.State {
		s := p.Counts()
		out := console.State{Stage: s.Stage.String(), Done: s.Done, Total: s.Total, Written: s.Written, Zeroed: s.Zeroed, Skipped: s.Skipped}
		for _, r := range volume.Healed() {
			out.Healed += r.Len
		}
		return out
	}
}
