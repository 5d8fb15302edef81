package main

import (
	"io"

	"github.com/restorefs/restorefs/backupstore/safetext"
)

// Longer text is cut for people: names and descriptions at the 255 characters that Cinder accepts,
// other values and whole lines later.
const (
	maxName  = 255
	maxValue = 1024
	maxLine  = 8192
)

func printable(s string) string { return safetext.Printable(s) }

func cut(s string, most int) string { return safetext.Cut(s, most) }

// quoted returns a space and the name in quotes, "" for no name.
func quoted(name string) string {
	if name == "" {
		return ""
	}
	return " \"" + printable(cut(name, maxName)) + "\""
}

func writeJSON(w io.Writer, v any) error {
	text, err := safetext.JSON(v, true)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}
