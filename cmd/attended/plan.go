package attended

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/restorefs/restorefs/cmd/restore"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// Plan is the JSON of --dry-run; its fields are a contract.
type Plan struct {
	restore.Plan
	// Changes are those of the metadata of the cloud's volume (--volume).
	Changes []cinderapi.Difference `json:"metadata_changes,omitempty"`
	// NewVolume is the volume that would be created (--new-volume).
	NewVolume *PlannedVolume `json:"new_volume,omitempty"`
	// Notes are remarks about the target, such as what could not be looked at.
	Notes []string `json:"notes,omitempty"`
}

// plan prints what a run would do, which make finds out. A target that would be refused is an
// error, so that scripts can ask first.
func (r *restoring) plan(ctx context.Context, name string,
	make func(context.Context, string) (restore.Plan, error)) error {
	found, err := make(ctx, name)
	if err != nil {
		return r.explained(name, err)
	}
	p := Plan{Plan: found, Notes: found.Notes}
	if p.Changes, err = r.cloud.changes(ctx, r.backup); err != nil {
		return err
	}
	if r.o.JSON {
		if name != "-" {
			p.Target = restore.Resolve(name)
		}
		err = wording.WriteJSON(r.o.Out, p)
	} else {
		notes := p.Notes
		if why := r.doubtful(name); why != "" && !r.o.qcow2 {
			notes = append(notes, why+"; that will be asked about")
		}
		printPlan(r.o.Out, p, notes)
		if r.cloud.restoresMetadata() {
			printChanges(r.o.Out, p.Changes)
		}
	}
	if err != nil {
		return err
	}
	if p.Refusal != nil {
		return r.explained(name, p.Refusal)
	}
	broken := brokenWords(r.engine.Broken())
	if !p.Exact && name != "-" && !r.o.qcow2 { // the sizes are bounds
		return broken
	}
	return errors.Join(broken, fits(p.Plan))
}

// fits is the error for a target that has too little space for what is certain to be written.
func fits(p restore.Plan) error {
	if p.Fits() {
		return nil
	}
	return fmt.Errorf("%s would not fit: %s are to be written, %s are free there (a file system "+
		"that compresses may take more)",
		wording.Printable(p.Target), wording.Size(p.WriteBytes), wording.Size(*p.FreeBytes))
}

func printPlan(w io.Writer, p Plan, notes []string) {
	atMost := "at most "
	if p.Exact {
		atMost = ""
	}
	fmt.Fprintf(w, "target    %s\nvolume    %s, %s of it data\n", p.Target, wording.Size(p.Size),
		wording.Size(p.DataBytes))
	fmt.Fprintf(w, "share     %s%s to open, %s to read, %s to decompress\n", atMost,
		wording.Count(p.Objects, "object"), wording.Size(p.StoredBytes),
		wording.Size(p.DecodedBytes))
	fmt.Fprintf(w, "write     %s%s\nzero      %s%s\nleave     %s\n", atMost,
		wording.Size(p.WriteBytes), atMost, wording.Size(p.ZeroBytes), wording.Size(p.SkipBytes))
	if p.ReadBytesPerSecond > 0 {
		fmt.Fprintf(w, "time      %s%s to read and decode, at %s/s measured on %s just now; the "+
			"target was not measured\n", atMost,
			time.Duration(p.ReadSeconds*float64(time.Second)).Round(time.Second/10),
			wording.Size(p.ReadBytesPerSecond), wording.Size(p.ProbedBytes))
	}
	if p.FreeBytes != nil {
		fmt.Fprintf(w, "free      %s where the target is\n", wording.Size(*p.FreeBytes))
	}
	if p.Continues {
		fmt.Fprintln(w, "continues an interrupted run")
	}
	if !p.Digests {
		fmt.Fprintln(w, "digests   none: each object is compared with its MD5, as a whole")
	}
	printMissing(w, p.Missing)
	for _, n := range notes {
		fmt.Fprintln(w, "note     ", wording.Printable(n))
	}
}

// missingLines bounds the lines that are printed; JSON has all.
const missingLines = 20

func printMissing(w io.Writer, missing []restore.Missing) {
	for _, m := range missing[:min(len(missing), missingLines)] {
		what := m.File
		if what == "" {
			what = "backup " + m.Backup
		}
		fmt.Fprintf(w, "missing   %s: %s", what, wording.Printable(m.Reason))
		if m.Bytes > 0 {
			fmt.Fprintf(w, "; %s of the volume, the first at byte %d", wording.Size(m.Bytes),
				m.Offset)
		}
		fmt.Fprintln(w)
	}
	if n := len(missing) - missingLines; n > 0 {
		fmt.Fprintf(w, "missing   %d more\n", n)
	}
}

// lacking prints what a backup lacks that cannot be planned.
func (r *restoring) lacking() error {
	p := Plan{Plan: restore.Plan{
		Backup: r.backup.ID, Target: r.o.Target, Size: r.backup.Size,
		Missing: restore.Lacking(r.backup),
	}}
	if r.o.JSON {
		return wording.WriteJSON(r.o.Out, p)
	}
	printMissing(r.o.Out, p.Missing)
	return nil
}

// PlannedVolume is the volume that would be created, in the JSON of --dry-run; its fields are a
// contract.
type PlannedVolume struct {
	SizeGiB int64  `json:"size_gib"`
	Type    string `json:"type"` // "" for the default one
	Zone    string `json:"availability_zone"`
	Name    string `json:"name"` // "": the one that it had
	Device  string `json:"device"`
}
