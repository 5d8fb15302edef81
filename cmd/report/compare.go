package report

import (
	"fmt"
	"io"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize"
)

// Compared is verify --target's JSON; its fields are a contract.
type Compared struct {
	Backup         string  `json:"backup"`
	Target         string  `json:"target"`
	Equal          bool    `json:"equal"`
	Size           int64   `json:"size"`
	DifferingBytes int64   `json:"differing_bytes"`
	Differing      []Range `json:"differing"`
	Truncated      bool    `json:"truncated"` // not all ranges are listed
}

// Range is a range in JSON, in bytes; its fields are a contract.
type Range struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
}

// NewCompared describes how a target differs from a backup.
func NewCompared(backup, target string, c materialize.Comparison) Compared {
	return Compared{
		Backup:         backup,
		Target:         target,
		Equal:          c.Equal(),
		Size:           c.Size,
		DifferingBytes: c.DifferingBytes,
		Differing:      Ranges(c.Differing),
		Truncated:      c.Truncated,
	}
}

// Ranges returns ranges for JSON, never null.
func Ranges(all []backupstore.Range) []Range {
	out := []Range{}
	for _, r := range all {
		out = append(out, Range{r.Off, r.Len})
	}
	return out
}

// PrintCompared says to people how a target differs from a backup, or that it does not.
func PrintCompared(w io.Writer, backup, target string, c materialize.Comparison) {
	for _, r := range c.Differing {
		PrintRange(w, r)
	}
	if c.Truncated {
		fmt.Fprintln(w, "... and more")
	}
	if c.Equal() {
		fmt.Fprintf(w, "%s holds backup %s: %s compared, all equal\n", wording.Printable(target),
			backup, wording.Size(c.Size))
	}
}

// PrintRange prints a line of a table of ranges: offset, length, and the length for people.
func PrintRange(w io.Writer, r backupstore.Range) {
	fmt.Fprintf(w, "%16d  %14d  (%s)\n", r.Off, r.Len, wording.Size(r.Len))
}
