package ntfs

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// wideName returns a name in UTF-16, little-endian. Half of a pair becomes the three bytes
// that UTF-8 would have for it, so that no two names become one.
func wideName(b []byte) string {
	var out []byte
	for i := 0; i+1 < len(b); i += 2 {
		r := rune(le.Uint16(b[i:]))
		if utf16.IsSurrogate(r) {
			if i+3 < len(b) {
				if pair := utf16.DecodeRune(r, rune(le.Uint16(b[i+2:]))); pair != utf8.RuneError {
					out = utf8.AppendRune(out, pair)
					i += 2
					continue
				}
			}
			out = append(out, 0xe0|byte(r>>12), 0x80|byte(r>>6&63), 0x80|byte(r&63))
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}

// wide returns a name that is ASCII in UTF-16, as attributes have theirs.
func wide(name string) string {
	out := make([]byte, 0, 2*len(name))
	for _, c := range []byte(name) {
		out = append(out, c, 0)
	}
	return string(out)
}

// wellNamed says whether a name is one name in one directory.
func wellNamed(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}
