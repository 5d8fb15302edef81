package report

import (
	"fmt"
	"io"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Ranged prints ranges one by one, as there can be millions: a JSON list of [Range], or a table.
type Ranged struct {
	W    io.Writer
	JSON bool

	n     int
	total int64
}

// Add prints a range.
func (l *Ranged) Add(r backupstore.Range) error {
	l.n, l.total = l.n+1, l.total+r.Len
	if !l.JSON {
		PrintRange(l.W, r)
		return nil
	}
	open := ",\n "
	if l.n == 1 {
		open = "[\n "
	}
	_, err := fmt.Fprintf(l.W, `%s {"offset": %d, "length": %d}`, open, r.Off, r.Len)
	return err
}

// End ends the JSON list.
func (l *Ranged) End() error {
	if l.n == 0 {
		fmt.Fprint(l.W, "[")
	}
	_, err := fmt.Fprintln(l.W, "\n]")
	return err
}

// PrintSum ends the table: how much of size bytes it has.
func (l *Ranged) PrintSum(size int64) {
	fmt.Fprintf(l.W, "%s in %s differ, of %s (%.1f %%)\n", wording.Size(l.total),
		wording.Count(l.n, "range"), wording.Size(size), 100*float64(l.total)/float64(max(size, 1)))
}
