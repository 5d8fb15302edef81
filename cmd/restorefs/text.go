package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// What the share and a cloud call things was chosen by somebody else. On a
// terminal it must not steer, hide or reorder what is read, and not push it out
// of sight. JSON is printed to terminals too; there the characters are escaped,
// which loses nothing, and nothing is cut.

// Longer text is cut where people read it: names and descriptions at what Cinder
// takes for one (255), other values and whole lines later.
const (
	maxName  = 255
	maxValue = 1024
	maxLine  = 8192
)

// steers reports whether a terminal would act upon a character or draw other
// ones elsewhere because of it: C0, DEL and C1 controls, line and paragraph
// separators, and the format characters of Unicode, bidirectional ones among
// them. The joiners of scripts and emoji are harmless and wanted.
func steers(r rune) bool {
	const nonJoiner, joiner = 0x200c, 0x200d
	return r != nonJoiner && r != joiner && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// printable keeps a name from the share from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if steers(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

// cut shortens text to that many characters, and says how many there are.
func cut(s string, most int) string {
	if len(s) <= most || utf8.RuneCountInString(s) <= most {
		return s
	}
	at, n := 0, 0
	for at = range s {
		if n++; n > most {
			break
		}
	}
	return fmt.Sprintf("%s... (%d characters)", s[:at], utf8.RuneCountInString(s))
}

// quoted is a name behind a space, "" for none.
func quoted(name string) string {
	if name == "" {
		return ""
	}
	return " \"" + printable(cut(name, maxName)) + "\""
}

// safeJSON is v as JSON, on one line or indented, in which each character that is
// not printed by itself is escaped: what encoding/json leaves as it is (DEL, C1,
// the format characters) steers a terminal as well.
func safeJSON(v any, indent bool) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if indent {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return escapeJSON(b.Bytes()), nil
}

// escapeJSON escapes in JSON what is not printed by itself. Outside of strings
// there is nothing of the kind but white space.
func escapeJSON(text []byte) []byte {
	hidden := func(r rune) bool { return r != '\n' && r != '\t' && r != '\r' && !unicode.IsPrint(r) }
	if bytes.IndexFunc(text, hidden) < 0 {
		return text
	}
	out := make([]byte, 0, len(text)+len(text)/8)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case !hidden(r) || r == utf8.RuneError:
			out = append(out, text[:n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		text = text[n:]
	}
	return out
}

func writeJSON(w io.Writer, v any) error {
	text, err := safeJSON(v, true)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// jsonLog is a writer of whole records, as slog's handler writes them.
type jsonLog struct{ w io.Writer }

// Write implements io.Writer.
func (l jsonLog) Write(p []byte) (int, error) {
	if _, err := l.w.Write(escapeJSON(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
