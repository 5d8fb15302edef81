package cinderapi

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// sureText and sureKey are limits that every Cinder accepts
// (cinder/api/validation/parameter_types.py, extra_specs). Cinder's database holds more, its own
// restore puts back more, and some releases accept more: image metadata values of 65,535 bytes
// since 22.0.0 (image_metadata, mysql_text). Only its answer tells what a cloud accepts; these
// limits only decide what to send separately.
const sureText = 255 // characters of a key, a value, a name or a description

// Not {1,255}: that takes every start of the program milliseconds to compile.
var sureKey = regexp.MustCompile(`^[a-zA-Z0-9_:. /-]+$`)

// DoubtfulPair says why the API of some releases refuses such metadata; "" if every release accepts
// it.
func DoubtfulPair(key, value string) string {
	switch {
	case len(key) > sureText || !sureKey.MatchString(key):
		return "not every Cinder takes other keys than 1 to 255 letters, digits, spaces and -_:./"
	case utf8.RuneCountInString(value) > sureText:
		return fmt.Sprintf("not every Cinder takes values of more than %d characters, "+
			"this one has %d", sureText, utf8.RuneCountInString(value))
	}
	return ""
}

// DoubtfulText says why the API of some releases refuses such a name or description; "" if every
// release accepts it.
func DoubtfulText(s *string) string {
	if s == nil {
		return ""
	}
	// Cinder strips surrounding white space before it counts and stores the text.
	if n := utf8.RuneCountInString(strings.TrimSpace(*s)); n > sureText {
		return fmt.Sprintf("not every Cinder takes more than %d characters, this has %d",
			sureText, n)
	}
	return ""
}
