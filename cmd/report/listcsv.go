package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/proven"
	"github.com/restorefs/restorefs/cmd/wording"
)

// csvColumns are those of list's CSV, named as the fields of its JSON; they are a contract.
var csvColumns = []string{
	"id", "volume_id", "volume_name", "name", "description", "created_at", "parent_id",
	"incremental",
	"state", "size", "stored_bytes", "objects", "compression", "container", "problems",
	"proven_ok", "proven_all_at", "proven_part_at", "project_id",
}

// WriteCSV writes a line with the names of the columns, and one for each backup.
func WriteCSV(out io.Writer, backups []*backupstore.Backup, book *proven.Book) error {
	w := csv.NewWriter(out)
	if err := w.Write(csvColumns); err != nil {
		return err
	}
	for _, b := range backups {
		l := NewBackup(b)
		parent := ""
		if l.ParentID != nil {
			parent = *l.ParentID
		}
		if err := w.Write(append([]string{
			l.ID, l.VolumeID, csvText(l.VolumeName), csvText(l.Name), csvText(l.Description),
			l.CreatedAt.Format(time.RFC3339Nano), parent, strconv.FormatBool(l.Incremental),
			l.State,
			strconv.FormatInt(l.Size, 10), strconv.FormatInt(l.StoredBytes, 10),
			strconv.Itoa(l.Objects), strings.Join(l.Compression, " "),
			wording.Printable(l.Container),
			wording.Printable(strings.Join(l.Problems, "; ")),
		}, append(csvProven(NewProven(book.Of(b))), csvText(l.ProjectID))...)); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// csvProven returns the columns of what was proven, empty where nothing is known.
func csvProven(p *Proven) []string {
	if p == nil {
		return []string{"", "", ""}
	}
	when := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return t.Format(time.RFC3339)
	}
	return []string{strconv.FormatBool(p.OK), when(p.AllAt), when(p.PartAt)}
}

// csvText returns a name that others chose. A spreadsheet would take one that begins as a formula
// does for one, and so run what a tenant wrote: an apostrophe before it makes it text.
func csvText(s *string) string {
	if s == nil {
		return ""
	}
	text := wording.Printable(*s)
	if strings.IndexAny(text, "=+-@") == 0 {
		text = "'" + text
	}
	return text
}
