package filereport

import (
	"fmt"
	"io"
	"time"

	"github.com/restorefs/restorefs/cmd/files"
)

// Change is a file that differs between two backups, in JSON; its fields are a contract.
type Change struct {
	Change    string     `json:"change"` // added, removed, changed, metadata
	Part      string     `json:"part"`
	Path      string     `json:"path"`
	PathBytes []byte     `json:"path_bytes,omitempty"`
	Type      string     `json:"type"`
	SizeA     *int64     `json:"size_a,omitempty"`
	SizeB     *int64     `json:"size_b,omitempty"`
	ModifiedA *time.Time `json:"mtime_a,omitempty"`
	ModifiedB *time.Time `json:"mtime_b,omitempty"`
}

func newChange(c files.Change) Change {
	n := c.Node()
	out := Change{Change: c.Kind, Part: n.Part().Name, Path: n.Path, PathBytes: notText(n.Path),
		Type: n.Kind()}
	if c.A != nil {
		at := when(c.A.Attr.Mtime)
		out.SizeA, out.ModifiedA = &c.A.Attr.Size, &at
	}
	if c.B != nil {
		at := when(c.B.Attr.Mtime)
		out.SizeB, out.ModifiedB = &c.B.Attr.Size, &at
	}
	return out
}

// Changes writes files that differ one by one: as lines, or as one object of JSON.
type Changes struct {
	w      io.Writer
	json   bool
	counts map[string]int
	n      int
	failed Failures
}

// NewChanges begins the list for the backups a and b.
func NewChanges(w io.Writer, json bool, a, b string) (*Changes, error) {
	l := &Changes{w: w, json: json, counts: map[string]int{}}
	if !json {
		return l, nil
	}
	one, err := oneLine(a)
	if err != nil {
		return nil, err
	}
	other, err := oneLine(b)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(w, "{\"a\": %s, \"b\": %s,\n \"files\": [", one, other)
	return l, err
}

// Add writes a file; name is what people call it.
func (l *Changes) Add(c files.Change, name string) error {
	l.n++
	l.counts[c.Kind]++
	if !l.json {
		if c.Node().IsDir() && name != "/" {
			name += "/"
		}
		_, err := fmt.Fprintf(l.w, "%-8s  %s\n", c.Kind, Name(name))
		return err
	}
	line, err := oneLine(newChange(c))
	if err != nil {
		return err
	}
	comma := ","
	if l.n == 1 {
		comma = ""
	}
	_, err = fmt.Fprintf(l.w, "%s\n  %s", comma, line)
	return err
}

// Fail keeps what could not be compared, for the end.
func (l *Changes) Fail(path string, err error) { l.failed.Add(path, err.Error()) }

// Words says how many there are.
func (l *Changes) Words() string {
	return fmt.Sprintf("%d added, %d removed, %d changed, %d with other metadata",
		l.counts[files.Added], l.counts[files.Removed], l.counts[files.Changed],
		l.counts[files.Metadata])
}

// End ends the object of JSON.
func (l *Changes) End() error {
	if !l.json {
		return nil
	}
	failed, err := oneLine(append(Failures{}, l.failed...))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(l.w, "\n ],\n \"failed\": %s}\n", failed)
	return err
}
