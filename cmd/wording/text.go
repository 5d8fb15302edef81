package wording

import (
	"io"

	"github.com/restorefs/restorefs/backupstore/safetext"
)

// Longer text is cut for people: names and descriptions at the 255 characters that Cinder accepts,
// other values and whole lines later.
const (
	MaxName  = 255
	MaxValue = 1024
	MaxLine  = 8192
)

// Printable returns s without what a terminal would act on or hide.
func Printable(s string) string { return safetext.Printable(s) }

// Cut shortens s to so many characters and says that it did.
func Cut(s string, most int) string { return safetext.Cut(s, most) }

// Quoted returns a space and the name in quotes, "" for no name.
func Quoted(name string) string {
	if name == "" {
		return ""
	}
	return " \"" + Printable(Cut(name, MaxName)) + "\""
}

// WriteJSON writes v as indented JSON that steers no terminal either.
func WriteJSON(w io.Writer, v any) error { return writeJSON(w, v, true) }

// NewJSONList begins a list that becomes what WriteJSON writes of a slice, element by element: Add
// each, then End.
func NewJSONList(w io.Writer) *safetext.List { return safetext.NewList(w) }

// WriteJSONLine writes v as one line of such JSON.
func WriteJSONLine(w io.Writer, v any) error { return writeJSON(w, v, false) }

func writeJSON(w io.Writer, v any, indent bool) error {
	text, err := safetext.JSON(v, indent)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}
