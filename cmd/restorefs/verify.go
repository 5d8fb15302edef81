package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
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

// verified is a backup in verify's JSON; its fields are a contract.
type verified struct {
	Backup  string         `json:"backup"`
	OK      bool           `json:"ok"`
	Bytes   int64          `json:"bytes"`
	Blocks  int64          `json:"blocks"`
	Damaged []damagedRange `json:"damaged"`
	// SampledOf is the number of blocks with data, of which --sample verified Blocks.
	SampledOf int64    `json:"sampled_of,omitempty"`
	Notes     []string `json:"notes"`
	// Unread lists what could not be read, and may or may not be damaged.
	Unread     []string  `json:"unread,omitempty"`
	Volume     string    `json:"volume_id"`
	VolumeName string    `json:"volume_name"`
	CreatedAt  time.Time `json:"created_at"`
}

type damagedRange struct {
	Offset int64  `json:"offset"`
	Length int64  `json:"length"`
	Object string `json:"object"`
	Reason string `json:"reason"`
}

// compared is verify --target's JSON; its fields are a contract.
type compared struct {
	Backup         string      `json:"backup"`
	Target         string      `json:"target"`
	Equal          bool        `json:"equal"`
	Size           int64       `json:"size"`
	DifferingBytes int64       `json:"differing_bytes"`
	Differing      []jsonRange `json:"differing"`
	Truncated      bool        `json:"truncated"` // not all ranges are listed
}

// jsonRange is a range in JSON, in bytes.
type jsonRange struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
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
	out := []verified{}
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
			out = append(out, newVerified(r))
			return nil
		}
		stop()
		printReport(c.App.Writer, r, part)
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

func newVerified(r backupstore.Report) verified {
	v := verified{Backup: r.Backup.ID, OK: r.OK, Bytes: r.Bytes, Blocks: r.Blocks, Damaged: []damagedRange{}, SampledOf: r.SampledOf, Notes: notes(r),
		Volume: r.Backup.VolumeID, VolumeName: r.Backup.VolumeName(), CreatedAt: r.Backup.CreatedAt}
	for _, d := range r.Damaged {
		reason := d.Reason
		if d.Sibling != "" {
			reason += "; backup " + d.Sibling + " has the same bytes"
		}
		v.Damaged = append(v.Damaged, damagedRange{d.Offset, d.Length, d.Object, reason})
	}
	for _, err := range r.Unread {
		v.Unread = append(v.Unread, err.Error())
	}
	return v
}

// maxListed bounds the damaged ranges of a backup that are shown to people; JSON has all.
const maxListed = 50

func printReport(w io.Writer, r backupstore.Report, part float64) {
	switch {
	case r.OK && part > 0:
		share := 100.0
		if r.SampledOf > 0 {
			share = 100 * float64(r.Blocks) / float64(r.SampledOf)
		}
		fmt.Fprintf(w, "%s  ok, as far as it was looked at: %d of %d blocks with data (%.1f %%)%s\n", r.Backup.ID, r.Blocks, r.SampledOf, share, whose(r.Backup))
	case r.OK && r.Blocks == 0:
		fmt.Fprintf(w, "%s  ok  %s, by the MD5 of its objects%s\n", r.Backup.ID, wording.Size(r.Bytes), whose(r.Backup))
	case r.OK:
		fmt.Fprintf(w, "%s  ok  %s, %d blocks%s\n", r.Backup.ID, wording.Size(r.Bytes), r.Blocks, whose(r.Backup))
	case len(r.Damaged) == 0 && len(r.Unread) > 0:
		fmt.Fprintf(w, "%s  NOT READ  what could be read is right\n", r.Backup.ID)
	case r.Backup.Chain() == nil:
		fmt.Fprintf(w, "%s  %s\n", r.Backup.ID, strings.ToUpper(r.Backup.State.String()))
	default:
		var lost int64
		for _, d := range r.Damaged {
			lost += d.Length
		}
		fmt.Fprintf(w, "%s  DAMAGED  %s of %s, ranges: %d\n", r.Backup.ID, wording.Size(lost), wording.Size(r.Backup.Size), len(r.Damaged))
	}
	for i, d := range r.Damaged {
		if i == maxListed {
			fmt.Fprintf(w, "    ... and %d more (--json lists all)\n", len(r.Damaged)-i)
			break
		}
		where := fmt.Sprintf("bytes %d to %d: ", d.Offset, d.Offset+d.Length)
		if r.Backup.Chain() == nil {
			where = "" // the whole backup
		}
		fmt.Fprintf(w, "    %s%s\n", where, wording.Printable(d.Reason))
		if d.Object != "" {
			fmt.Fprintf(w, "        object %s\n", wording.Printable(d.Object))
		}
		if d.Sibling != "" {
			fmt.Fprintf(w, "        backup %s has the same bytes: mount and materialize take them from there\n", d.Sibling)
		}
	}
	for _, err := range r.Unread {
		fmt.Fprintf(w, "    cannot be read: %s\n", wording.Printable(err.Error()))
	}
	if !r.OK {
		fmt.Fprintf(w, "    of volume %s%s, made %s\n", r.Backup.VolumeID, wording.Quoted(r.Backup.VolumeName()), made(r.Backup))
	}
	for _, n := range notes(r) {
		fmt.Fprintf(w, "    note: %s\n", wording.Printable(n))
	}
}

// whose describes a backup by its volume and age, because people do not know ids by heart.
func whose(b *backupstore.Backup) string {
	name := wording.Quoted(b.VolumeName())
	if name == "" {
		name = " " + b.VolumeID
	}
	return ", of" + name + ", made " + made(b)
}

func made(b *backupstore.Backup) string { return b.CreatedAt.Format("2006-01-02 15:04:05 MST") }

// notes returns what is worth knowing besides damage. The problems of a backup without a chain are
// its damage.
func notes(r backupstore.Report) []string {
	all := []string{}
	if r.Backup.Chain() != nil {
		all = append(append(all, r.Backup.Problems...), r.Notes...)
	}
	return all
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
		out := compared{
			Backup: b.ID, Target: target, Equal: result.Equal(), Size: result.Size, DifferingBytes: result.DifferingBytes,
			Differing: jsonRanges(result.Differing), Truncated: result.Truncated,
		}
		if err := wording.WriteJSON(c.App.Writer, out); err != nil {
			return err
		}
	} else {
		printRanges(c.App.Writer, result.Differing)
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

func jsonRanges(all []backupstore.Range) []jsonRange {
	out := []jsonRange{}
	for _, r := range all {
		out = append(out, jsonRange{r.Off, r.Len})
	}
	return out
}

func printRanges(w io.Writer, all []backupstore.Range) {
	for _, r := range all {
		printRange(w, r)
	}
}

func printRange(w io.Writer, r backupstore.Range) {
	fmt.Fprintf(w, "%16d  %14d  (%s)\n", r.Off, r.Len, wording.Size(r.Len))
}
