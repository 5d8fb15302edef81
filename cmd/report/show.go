package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Shown is show's JSON; its fields are a contract.
type Shown struct {
	Backup
	Prefix   string                   `json:"prefix"`
	Digests  bool                     `json:"digests"`
	Chain    []Backup                 `json:"chain"` // from the backup itself to the full one
	Restores backupstore.VolumeRecord `json:"restores"`
	Disk     *Disk                    `json:"disk,omitempty"`    // unless --look is 0
	Overlay  *Overlay                 `json:"overlay,omitempty"` // with --overlay, if there is one
}

// NewShown describes a backup and its chain, but for its disk and what was written onto it.
func NewShown(b *backupstore.Backup, restores backupstore.VolumeRecord) Shown {
	s := Shown{
		Backup:   NewBackup(b),
		Prefix:   b.Prefix(),
		Digests:  b.HasDigests,
		Restores: restores,
		Chain:    []Backup{},
	}
	for l := b; l != nil && len(s.Chain) < 10000; l = l.Parent() {
		s.Chain = append(s.Chain, NewBackup(l))
	}
	return s
}

// rows writes a table of names and values.
type rows struct{ *tabwriter.Writer }

func (w rows) row(name, format string, args ...any) {
	value := wording.Cut(fmt.Sprintf(format, args...), wording.MaxValue)
	fmt.Fprintf(w, "%s\t%s\n", name, wording.Printable(value))
}

// text writes a row for s unless there is nothing to say.
func (w rows) text(name string, s *string) {
	if s != nil && *s != "" {
		w.row(name, "%s", *s)
	}
}

// PrintShown prints s for people. overlays is the directory of --overlay, "" for none.
func PrintShown(out io.Writer, s Shown, overlays string) {
	w := rows{tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)}
	defer w.Flush()
	w.row("backup", "%s", s.ID)
	if s.Name != nil {
		w.row("name", "%s", *s.Name)
	}
	if s.Description != nil {
		w.row("description", "%s", *s.Description)
	}
	w.row("state", "%s", s.State)
	for _, p := range s.Problems {
		w.row("problem", "%s", p)
	}
	w.row("created", "%s", s.CreatedAt.Format("2006-01-02 15:04:05 MST"))
	w.text("project", s.ProjectID)
	if s.Size > 0 {
		w.row("volume size", "%s (%d bytes)", wording.Size(s.Size), s.Size)
	} else {
		w.row("volume size", "not known: its _metadata tells it")
	}
	stored := []string{fmt.Sprint(s.Objects), wording.Size(s.StoredBytes) + " stored"}
	w.row("objects", "%s", strings.Join(append(stored, s.Compression...), ", "))
	digests := "one for each block"
	if !s.Digests {
		digests = "none: objects are checked against their MD5"
	}
	w.row("digests", "%s", digests)
	w.proven(s.Proven)
	switch {
	case s.Overlay != nil:
		w.row("overlay", "%s, in %s", s.Overlay.state(), overlays)
	case overlays != "":
		w.row("overlay", "nothing was written onto this backup in %s", overlays)
	}
	w.disk(s.Disk)
	w.row("files", "%s/%s*", s.Container, s.Prefix)
	w.chain(s.Chain)
	fmt.Fprintln(w)
	w.volume(s.Restores)
}

// proven prints what verify has found out.
func (w rows) proven(p *Proven) {
	name := "proven"
	for _, line := range p.Lines() {
		w.row(name, "%s", line)
		name = ""
	}
}

// disk prints what is on a disk that was looked at.
func (w rows) disk(d *Disk) {
	if d == nil {
		return
	}
	name := "disk"
	for _, line := range d.Lines() {
		w.row(name, "%s", line)
		name = ""
	}
}

func (w rows) chain(chain []Backup) {
	name := "chain"
	for _, l := range chain {
		kind := "full"
		if l.Incremental {
			kind = "incremental"
		}
		w.row(name, "%s  %s  %s  %s, %s stored  %s", l.ID,
			l.CreatedAt.Format("2006-01-02 15:04:05"), kind, wording.Count(l.Objects, "object"),
			wording.Size(l.StoredBytes), l.State)
		name = ""
	}
	if last := chain[len(chain)-1]; last.Incremental {
		w.row("", "%s  missing", *last.ParentID)
	}
}

// maxItems bounds the items of a volume's metadata that are shown; Cinder's quota is 128.
const maxItems = 256

// volume prints what a restore restores besides the data.
func (w rows) volume(v backupstore.VolumeRecord) {
	w.row("volume", "%s", v.ID)
	w.text("  name", v.Name)
	w.text("  description", v.Description)
	w.row("  bootable", "%v", v.Bootable)
	w.text("  type id", v.VolumeTypeID)
	w.text("  zone", v.AvailabilityZone)
	w.text("  encryption key", v.EncryptionKeyID)
	for _, m := range []struct {
		name   string
		values map[string]string
	}{{"  metadata", v.Metadata}, {"  image metadata", v.ImageMetadata}} {
		for i, k := range slices.Sorted(maps.Keys(m.values)) {
			if i == maxItems {
				w.row(m.name, "... and %d more (--json lists all)", len(m.values)-i)
				break
			}
			w.row(m.name, "%s = %s", k, m.values[k])
		}
	}
}
