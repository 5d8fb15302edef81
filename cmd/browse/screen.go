package browse

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/restorefs/restorefs/backupstore/safetext"
)

// screenWriter writes to a terminal what others wrote: lines and tabs, and nothing else that steers
// it.
type screenWriter struct {
	w    io.Writer
	rest []byte // the begin of a character
}

// Write implements io.Writer.
func (s *screenWriter) Write(p []byte) (int, error) {
	text := append(s.rest, p...)
	end := len(text)
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if utf8.RuneStart(text[len(text)-back]) {
			if !utf8.FullRune(text[len(text)-back:]) {
				end = len(text) - back
			}
			break
		}
	}
	s.rest = append([]byte(nil), text[end:]...)
	_, err := io.WriteString(s.w, safeLines(string(text[:end])))
	return len(p), err
}

// flush writes what did not become a character.
func (s *screenWriter) flush() {
	io.WriteString(s.w, safeLines(string(s.rest))) // console.CheckedWriter keeps the error
}

// safeLines is text of which lines and tabs remain.
func safeLines(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		end := strings.IndexAny(text, "\n\t")
		if end < 0 {
			b.WriteString(safetext.Printable(text))
			break
		}
		b.WriteString(safetext.Printable(text[:end]))
		b.WriteByte(text[end])
		text = text[end+1:]
	}
	return b.String()
}
