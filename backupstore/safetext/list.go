package safetext

import (
	"bytes"
	"encoding/json"
	"io"
)

// List writes a list as JSON would write it indented, one element after the other, so that only one
// of them is in memory. Its zero value is not usable: see [NewList].
type List struct {
	out  io.Writer
	text bytes.Buffer
	enc  *json.Encoder
	any  bool // an element was written
}

// NewList begins a list. out is best buffered: each element is a write.
func NewList(out io.Writer) *List {
	l := &List{out: out}
	l.enc = json.NewEncoder(&l.text)
	l.enc.SetEscapeHTML(false)
	l.enc.SetIndent("  ", "  ")
	return l
}

// Add writes an element. After an error the list cannot be completed.
func (l *List) Add(v any) error {
	l.text.Reset()
	if l.any {
		l.text.WriteString(",\n  ")
	} else {
		l.text.WriteString("[\n  ")
	}
	if err := l.enc.Encode(v); err != nil {
		return err
	}
	l.any = true
	l.text.Truncate(l.text.Len() - 1) // the end of line that Encode adds
	_, err := l.out.Write(Escape(l.text.Bytes()))
	return err
}

// End ends the list.
func (l *List) End() error {
	end := "[]\n"
	if l.any {
		end = "\n]\n"
	}
	_, err := io.WriteString(l.out, end)
	return err
}
