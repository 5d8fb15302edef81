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

// PrintRanges prints a table of ranges.
func PrintRanges(w io.Writer, all []backupstore.Range) {
	for _, r := range all {
		PrintRange(w, r)
	}
}

// PrintRange prints a line of such a table: offset, length, and the length for people.
func PrintRange(w io.Writer, r backupstore.Range) {
	fmt.Fprintf(w, "%16d  %14d  (%s)\n", r.Off, r.Len, wording.Size(r.Len))
}
