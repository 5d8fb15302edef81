package fusefs

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// File names from arbitrary text.
//
// A printable text is its own file name. Bytes that cannot or should not stand in a file name are
// written as %XX, in upper-case hexadecimal: "/", NUL and control characters, characters that do
// not print (line separators, those that change the direction of text), bytes that are not UTF-8,
// "%" itself, and a leading "." (so that nothing is hidden, and "." and ".." are harmless). A "%"
// with a lower-case word is a mark of this package, which no text can forge:
//
//	%unnamed     the empty text
//	%cut-<hash>  the text was too long: its start, and 128 bits of its SHA-256
//	%id-<id>     more than one volume or backup has this name: the id of this one
//
// So "web/1" becomes "web%2F1", and two volumes called "web" become "web%id-<volume id>" each.
// "web" itself then does not exist, as it could be taken for either disk.

// maxNameBytes is NAME_MAX, the longest file name Linux programs expect.
const maxNameBytes = 255

const unnamed = "%unnamed"

// fileName returns the file name for text, with idMark appended if an id is given.
func fileName(text, id string) string {
	if id != "" {
		id = "%id-" + fileName(id, "")
	}
	name := escape(text)
	if len(name)+len(id) <= maxNameBytes {
		return name + id
	}
	if len(id) > maxNameBytes/2 {
		// Only a forged id can be this long: real ones have 36 bytes. The hash of text and id keeps
		// the name unique.
		return cut(name, text+"\x00"+id, maxNameBytes)
	}
	return cut(name, text, maxNameBytes-len(id)) + id
}

func escape(text string) string {
	if text == "" {
		return unnamed
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		invalid := r == utf8.RuneError && n == 1
		if invalid || r == '/' || r == '%' || !unicode.IsPrint(r) || (i == 0 && r == '.') {
			for _, c := range []byte(text[i : i+n]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(text[i : i+n])
		}
		i += n
	}
	return b.String()
}

// cut shortens an escaped name to at most size bytes; text is what the name stands for.
func cut(name, text string, size int) string {
	mark := fmt.Sprintf("%%cut-%x", sha256.Sum256([]byte(text)))[:len("%cut-")+32]
	end := min(len(name), size-len(mark))
	for end < len(name) && !utf8.RuneStart(name[end]) {
		end--
	}
	// Not through the middle of a %XX.
	if i := strings.LastIndexByte(name[max(0, end-2):end], '%'); i >= 0 {
		end = max(0, end-2) + i
	}
	return name[:end] + mark
}

// timeName returns the file name for a time of creation.
func timeName(t time.Time) string {
	if t.IsZero() {
		return "undated"
	}
	return t.UTC().Format(time.RFC3339)
}
