package inspect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Verify proves that backups can be restored, or compares a target with one.
func Verify(ctx context.Context, o VerifyOptions) (err error) {
	if o.bytes, err = o.Memory.Bound(); err != nil {
		return err
	}
	catalog, share, err := source.Open(ctx, o.Source,
		backupstore.Options{DecoderBytes: o.bytes, NoIndexBuild: true})
	if err != nil {
		return err
	}
	defer catalog.Close()
	var backups []*backupstore.Backup
	for _, ref := range o.Backups {
		b, err := source.Find(catalog, ref, o.Err)
		if err != nil {
			return o.comparable(ref, share, err)
		}
		backups = append(backups, b)
	}
	if o.Target != "" {
		return o.compare(ctx, catalog, backups[0])
	}
	book, err := source.Keeping(ctx, o.Record, share)
	if err != nil {
		return err
	}
	kept := &keeper{o: o, book: book, at: time.Now()}
	if len(backups) > 0 {
		return o.verify(ctx, catalog, backups, kept)
	}
	return o.verifyAll(ctx, catalog, kept)
}

// comparable adds to the error for a backup that there is not how a file or device of that name is
// compared with the other one that was named.
func (o VerifyOptions) comparable(ref string, share *locate.Share, err error) error {
	if _, failed := os.Stat(ref); failed != nil || len(o.Backups) != 2 ||
		!errors.Is(err, backupstore.ErrNoBackup) {
		return err
	}
	other := o.Backups[0]
	if other == ref {
		other = o.Backups[1]
	}
	words := append([]string{"restorefs", "verify"}, o.Given.At(share.Places()...).Only(
		"share", "cinder-conf", "mount-options", "share-timeout")...)
	return fmt.Errorf("%w\n%s is there, though: to compare it with the backup:\n  %s", err,
		wording.ShellWord(ref), wording.ShellCommand(append(words, "--target", ref, other)))
}

// verifyAll verifies all that Cinder completed, or what is chosen of it.
func (o VerifyOptions) verifyAll(ctx context.Context, catalog *backupstore.Catalog,
	kept *keeper) (err error) {
	if o.Volumes, err = volumesNamed(catalog, o.Volume, o.Err); err != nil {
		return err
	}
	var backups []*backupstore.Backup
	all, n := catalog.Backups(), 0
	for _, b := range all {
		switch {
		case !o.Has(b, nil):
		case b.State == backupstore.Incomplete:
			n++
		default:
			backups = append(backups, b)
		}
	}
	unseen := source.WholeShare(catalog, len(all))
	if o.Chosen && len(backups) == 0 && len(all) > 0 {
		none := fmt.Sprintf("none of %s is like that: nothing was verified%s",
			wording.Count(len(all), "backup"), report.Projects(all, o.Project))
		if unseen != nil { // others may be
			return fmt.Errorf("%s; %w", none, unseen)
		}
		return cmdline.Usagef("%s", none)
	}
	if n > 0 {
		fmt.Fprintf(o.Err,
			"%s left out that Cinder is writing or did not complete (list --all shows them)\n",
			wording.Count(n, "backup"))
	}
	return errors.Join(o.verify(ctx, catalog, backups, kept), unseen)
}

func (o VerifyOptions) verify(ctx context.Context, catalog *backupstore.Catalog,
	backups []*backupstore.Backup, kept *keeper) error {
	out := []report.Verified{}
	tally := report.Tally{}
	unkept, err := o.proof(ctx, catalog, backups, kept, func(r backupstore.Report) {
		tally.Add(r)
		if o.JSON {
			out = append(out, report.NewVerified(r))
			return
		}
		report.PrintVerified(o.Out, r, o.Part)
	})
	if err != nil {
		return errors.Join(err, unkept)
	}
	if o.JSON {
		err = wording.WriteJSON(o.Out, out)
	}
	return errors.Join(tally.Err(len(backups)), err, unkept)
}

// proof proves backups, shows how far it is, calls each with what was found out, and keeps that.
// unkept says why that could not be kept, which changes nothing of what was found out.
func (o VerifyOptions) proof(ctx context.Context, catalog *backupstore.Catalog,
	backups []*backupstore.Backup, kept *keeper,
	each func(backupstore.Report)) (unkept, err error) {
	how := backupstore.VerifyOptions{Jobs: o.Jobs, Sample: o.Part,
		Progress: &backupstore.VerifyProgress{}}
	show := func() (stop func()) {
		return o.ShowProgress(func() console.State {
			done, total := how.Progress.Snapshot()
			return console.State{Stage: "verifying", Done: done, Total: total}
		})
	}
	stop := show()
	err = catalog.Verify(ctx, backups, how, func(r backupstore.Report) error {
		kept.add(ctx, r)
		if !o.JSON {
			stop() // while something is printed
			defer func() { stop = show() }()
		}
		each(r)
		return nil
	})
	stop()
	return kept.end(), err
}
