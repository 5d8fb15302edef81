package report

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Verified is a backup in verify's JSON; its fields are a contract.
type Verified struct {
	Backup  string         `json:"backup"`
	OK      bool           `json:"ok"`
	Bytes   int64          `json:"bytes"`
	Blocks  int64          `json:"blocks"`
	Damaged []DamagedRange `json:"damaged"`
	// SampledOf is the number of blocks with data, of which --sample verified Blocks.
	SampledOf int64    `json:"sampled_of,omitempty"`
	Notes     []string `json:"notes"`
	// Unread lists what could not be read, and may or may not be damaged.
	Unread     []string  `json:"unread,omitempty"`
	Volume     string    `json:"volume_id"`
	VolumeName string    `json:"volume_name"`
	CreatedAt  time.Time `json:"created_at"`
}

// DamagedRange is a range of a volume that is damaged, in the JSON of verify; its fields are a
// contract.
type DamagedRange struct {
	Offset int64  `json:"offset"`
	Length int64  `json:"length"`
	Object string `json:"object"`
	Reason string `json:"reason"`
}

// NewVerified describes for scripts how the proof of a backup ended.
func NewVerified(r backupstore.Report) Verified {
	v := Verified{
		Backup:     r.Backup.ID,
		OK:         r.OK,
		Bytes:      r.Bytes,
		Blocks:     r.Blocks,
		Damaged:    []DamagedRange{},
		SampledOf:  r.SampledOf,
		Notes:      notes(r),
		Volume:     r.Backup.VolumeID,
		VolumeName: r.Backup.VolumeName(),
		CreatedAt:  r.Backup.CreatedAt,
	}
	for _, d := range r.Damaged {
		reason := d.Reason
		if d.Sibling != "" {
			reason += "; backup " + d.Sibling + " has the same bytes"
		}
		v.Damaged = append(v.Damaged, DamagedRange{d.Offset, d.Length, d.Object, reason})
	}
	for _, err := range r.Unread {
		v.Unread = append(v.Unread, err.Error())
	}
	return v
}

// maxListed bounds the damaged ranges of a backup that are shown to people; JSON has all.
const maxListed = 50

// PrintVerified says the same to people. part is that of --sample, 0 for all of it.
func PrintVerified(w io.Writer, r backupstore.Report, part float64) {
	fmt.Fprintf(w, "%s  %s\n", r.Backup.ID, verdict(r, part))
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
			fmt.Fprintf(
				w,
				"        backup %s has the same bytes: "+
					"mount and materialize take them from there\n",
				d.Sibling,
			)
		}
	}
	for _, err := range r.Unread {
		fmt.Fprintf(w, "    cannot be read: %s\n", wording.Printable(err.Error()))
	}
	if !r.OK {
		fmt.Fprintf(w, "    of volume %s%s, made %s\n",
			r.Backup.VolumeID, wording.Quoted(r.Backup.VolumeName()), made(r.Backup))
	}
	for _, n := range notes(r) {
		fmt.Fprintf(w, "    note: %s\n", wording.Printable(n))
	}
}

// verdict returns what follows the id of a backup.
func verdict(r backupstore.Report, part float64) string {
	switch {
	case r.OK && part > 0:
		share := 100.0
		if r.SampledOf > 0 {
			share = 100 * float64(r.Blocks) / float64(r.SampledOf)
		}
		return fmt.Sprintf("ok, as far as it was looked at: %d of %d blocks with data (%.1f %%)%s",
			r.Blocks, r.SampledOf, share, whose(r.Backup))
	case r.OK && r.Blocks == 0:
		return fmt.Sprintf("ok  %s, by the MD5 of its objects%s", wording.Size(r.Bytes),
			whose(r.Backup))
	case r.OK:
		return fmt.Sprintf("ok  %s, %d blocks%s", wording.Size(r.Bytes), r.Blocks, whose(r.Backup))
	case len(r.Damaged) == 0 && len(r.Unread) > 0:
		return "NOT READ  what could be read is right"
	case r.Backup.Chain() == nil:
		return strings.ToUpper(r.Backup.State.String())
	}
	var lost int64
	for _, d := range r.Damaged {
		lost += d.Length
	}
	return fmt.Sprintf("DAMAGED  %s of %s, ranges: %d", wording.Size(lost),
		wording.Size(r.Backup.Size), len(r.Damaged))
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

// Tally counts how the proofs of backups ended.
type Tally struct{ damaged, broken, incomplete, unread int }

// Add counts one.
func (t *Tally) Add(r backupstore.Report) {
	switch {
	case r.OK:
	case len(r.Damaged) == 0 && len(r.Unread) > 0:
		t.unread++
	case r.Backup.State == backupstore.Incomplete:
		t.incomplete++
	case r.Backup.State == backupstore.Broken:
		t.broken++
	default:
		t.damaged++
	}
}

// Err returns the error for so many backups that were to be proven, nil if all are right. It wraps
// [backupstore.ErrDamaged] if one is not.
func (t *Tally) Err(backups int) error {
	var errs []error
	if bad := t.damaged + t.broken + t.incomplete; bad > 0 {
		errs = append(errs,
			fmt.Errorf("%d of %d backups cannot be restored whole from their own files "+
				"(damaged: %d, broken: %d, incomplete: %d): %w",
				bad, backups, t.damaged, t.broken, t.incomplete, backupstore.ErrDamaged))
	}
	if t.unread > 0 {
		errs = append(errs,
			fmt.Errorf("of %d of %d backups not all could be read, which says nothing of "+
				"whether they are right: mend that (see above) and verify them again", t.unread,
				backups))
	}
	return errors.Join(errs...)
}
