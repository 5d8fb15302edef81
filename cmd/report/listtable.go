package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/wording"
)

// columns of the table. The last one is not padded.
var columns = []string{
	"BACKUP", "MADE (UTC)", "", "KIND", "SIZE", "STORED", "STATE", "PROVEN", "NAME",
}

const stateColumn, provenColumn = 6, 7

// withoutProven takes out of a row of the table the column that says when backups were proven,
// where that is known of none.
func withoutProven(cells []string) []string {
	if len(cells) <= provenColumn {
		return cells
	}
	return append(cells[:provenColumn], cells[provenColumn+1:]...)
}

// anyProven says whether of any backup something is known.
func (l Listing) anyProven() bool {
	return slices.ContainsFunc(l.Backups,
		func(b *backupstore.Backup) bool { return l.Proven.Of(b).Known() })
}

// cells appends what stands in the columns.
func (l Listing) cells(to []string, r row) []string {
	b := r.backup
	if b == nil {
		return append(to, r.tree+r.missing, r.why)
	}
	kind, name := "full", ""
	if b.Incremental() {
		kind = "on " + b.ParentID[:min(8, len(b.ParentID))]
	}
	if b.Name != nil {
		name = wording.Printable(wording.Cut(*b.Name, wording.MaxName))
	}
	return append(to,
		r.tree+b.ID, b.CreatedAt.Format("2006-01-02 15:04:05"), wording.Ago(b.CreatedAt, l.Now),
		kind,
		wording.VolumeSize(b.Size), wording.Size(b.StoredBytes), b.State.String(),
		ProvenText(l.Proven.Of(b), l.Now), name,
	)
}

// Print prints the list: a line for each volume, with its names, and one for each of its backups,
// with what is wrong with it; then what there is in all.
func (l Listing) Print(out io.Writer) {
	if len(l.Backups) == 0 {
		return
	}
	shown := func(cells []string) []string { return cells }
	if !l.anyProven() {
		shown = withoutProven
	}
	titles := shown(slices.Clone(columns))
	widths := make([]int, len(titles))
	for i, title := range titles {
		widths[i] = len(title)
	}
	cells := make([]string, 0, len(columns)) // of one row after the other
	for r := range l.rows {
		for i, cell := range shown(l.cells(cells, r)) {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	line := l.line(nil, titles, widths, nil)
	out.Write(line)
	volume := ""
	for r := range l.rows {
		if r.volume != volume {
			volume = r.volume
			fmt.Fprintf(out, "volume %s%s\n", volume, namesText(l.Names[volume]))
		}
		line = l.line(line[:0], shown(l.cells(cells, r)), widths, r.backup)
		out.Write(line)
		l.remarks(out, r.backup)
	}
	fmt.Fprintln(out, l.total())
}

// line appends the line of a row with these cells, b's or another's.
func (l Listing) line(to []byte, cells []string, widths []int, b *backupstore.Backup) []byte {
	to = append(to, "  "...)
	for i, cell := range cells {
		pad := 2 + widths[i] - utf8.RuneCountInString(cell)
		if i == stateColumn && b != nil {
			cell = l.coloured(b.State)
		}
		to = append(to, cell...)
		if i == len(cells)-1 {
			break
		}
		for range pad {
			to = append(to, ' ')
		}
	}
	return append(bytes.TrimRight(to, " "), '\n')
}

// coloured returns a state as it stands in the table.
func (l Listing) coloured(s backupstore.State) string {
	switch {
	case !l.Colour || s == backupstore.Complete:
		return s.String()
	case s == backupstore.Broken:
		return "\033[31m" + s.String() + "\033[0m"
	}
	return "\033[33m" + s.String() + "\033[0m"
}

// remarks prints what is wrong with a backup, and what is on its disk.
func (l Listing) remarks(out io.Writer, b *backupstore.Backup) {
	if b == nil {
		return
	}
	if b.State != backupstore.Complete {
		for _, p := range b.Problems {
			fmt.Fprintf(out, "      %s\n", wording.Printable(wording.Cut(p, wording.MaxValue)))
		}
	}
	if d := l.Disks[b]; d != nil {
		for _, line := range d.Lines() {
			fmt.Fprintf(out, "      %s\n", wording.Printable(line))
		}
	}
}

// total says what there is in all.
func (l Listing) total() string {
	volumes := map[string]bool{}
	count, damaged := map[backupstore.State]int{}, 0
	var stored int64
	for _, b := range l.Backups {
		volumes[b.VolumeID] = true
		count[b.State]++
		stored += b.StoredBytes
		if l.Proven.Of(b).Bad != nil {
			damaged++
		}
	}
	text := fmt.Sprintf("%s of %s, %s stored", wording.Count(len(l.Backups), "backup"),
		wording.Count(len(volumes), "volume"), wording.Size(stored))
	for _, s := range []backupstore.State{backupstore.Broken, backupstore.Incomplete} {
		if count[s] > 0 {
			text += fmt.Sprintf("; %d %s", count[s], s)
		}
	}
	if damaged > 0 {
		text += fmt.Sprintf("; %d %s", damaged, damagedWord)
	}
	return text
}
