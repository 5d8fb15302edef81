package attended

import (
	"context"
	"fmt"
	"io"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize"
)

// sureOf has the operator confirm a doubtful name, here or with --yes.
func (r *restoring) sureOf(ctx context.Context, name string) error {
	why := r.doubtful(name)
	if why == "" || r.confirmed {
		return nil
	}
	fmt.Fprintf(r.o.Err, "target  %s: %s\n", wording.Printable(name), wording.Printable(why))
	return r.o.Ask(ctx, "Write it there?", "nothing was written",
		"if "+wording.ShellWord(name)+" is meant")
}

// doubtful returns why a name is hardly the intended target, "" if it may be.
func (r *restoring) doubtful(name string) string {
	if r.found != nil || name == "-" {
		return ""
	}
	return places.Doubtful(name, r.o.qcow2, r.catalog)
}

// confirm shows what is about to happen and asks on a terminal, unless the operator has confirmed
// it before.
func (r *restoring) confirm(ctx context.Context, t *materialize.Target) error {
	w, b, confirmed := r.o.Err, r.backup, r.confirmed
	if r.cloud != nil {
		fmt.Fprintf(w, "volume  %s\n", r.cloud.describe())
	}
	if r.cloud != nil && !confirmed { // else they were printed with the earlier question
		notes, err := r.cloud.Notes(ctx, b)
		printNotes(w, notes, err)
	}
	if !confirmed {
		printBackup(w, b)
	}
	fmt.Fprintf(w, "target  %s, %s\n", t, targetWords(t, b.Size))
	if t.Continues() {
		fmt.Fprintln(w, "        continues an interrupted run")
	}
	for _, n := range t.Notes() {
		fmt.Fprintf(w, "note    %s\n", wording.Printable(n))
	}
	for _, reason := range t.Overridden() {
		fmt.Fprintf(w, "force   %s\n", wording.Printable(reason.Text))
	}
	if confirmed || t.Kind() == materialize.KindFile && len(t.Overridden()) == 0 {
		return nil
	}
	return r.o.Ask(ctx, "Write to it?", "nothing was written", "to write to "+t.String())
}

func printBackup(w io.Writer, b *backupstore.Backup) {
	fmt.Fprintf(w, "backup  %s%s of %s\n", b.ID, wording.Quoted(b.VolumeName()),
		b.CreatedAt.Format("2006-01-02 15:04:05 MST"))
}

func targetWords(t *materialize.Target, size int64) string {
	switch {
	case t.Kind() == materialize.KindDevice:
		return fmt.Sprintf("block device of %s", wording.Size(t.Size()))
	case t.Size() == 0:
		return fmt.Sprintf("file, will have %s", wording.Size(size))
	}
	return fmt.Sprintf("existing file of %s", wording.Size(t.Size()))
}
