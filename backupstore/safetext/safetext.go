// Package safetext makes text safe to print. Others chose the names on the share and in a cloud: on
// a terminal these must not control, hide or reorder other text, nor push it out of sight.
//
// JSON is printed to terminals too. There such characters are escaped, which loses nothing, and
// nothing is cut.
package safetext

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

// Steers reports whether a terminal would act upon a character or draw other
// ones elsewhere because of it: C0, DEL and C1 controls, line and paragraph
// separators, and the format characters of Unicode, bidirectional ones among
// them. The joiners of scripts and emoji are harmless and wanted.
func Steers(r rune) bool {
	const nonJoiner, joiner = 0x200c, 0x200d
	return r != nonJoiner && r != joiner && unicode.In(r, unicode.Cc, unicode.Cf,
		unicode.Zl, unicode.Zp)
}

// Printable is s with U+FFFD for each character that steers a terminal.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if Steers(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

// Cut shortens text to that many characters, and says how many there are.
func Cut(s string, most int) string {
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

// JSON is v as JSON, on one line or indented, with an end of line, in which each
// character that is not printed by itself is escaped: what encoding/json leaves
// as it is (DEL, C1, the format characters) steers a terminal as well.
func JSON(v any, indent bool) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if indent {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return Escape(b.Bytes()), nil
}

// Escape escapes in JSON what is not printed by itself. Outside of strings there
// is nothing of the kind but white space.
func Escape(text []byte) []byte {
	hidden := func(r rune) bool {
		return r != '\n' && r != '\t' && r != '\r' &&
			!unicode.IsPrint(r)
	}
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

// Log is a writer of whole records of JSON, as slog's handler writes them, to W.
type Log struct{ W io.Writer }

// Write implements io.Writer.
func (l Log) Write(p []byte) (int, error) {
	if _, err := l.W.Write(Escape(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
