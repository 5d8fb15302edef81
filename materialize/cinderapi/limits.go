package cinderapi

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// What every Cinder takes, at the least (cinder/api/validation/parameter_types.py,
// extra_specs). It is less than what its database holds and its own restore
// puts back, and some releases take more: image metadata values of 65,535 bytes
// since 22.0.0 (image_metadata, mysql_text). What a cloud takes only its answer
// tells; these only say what to send apart from the rest.
const sureText = 255 // characters of a key, a value, a name or a description

var sureKey = regexp.MustCompile(`^[a-zA-Z0-9_:. /-]{1,255}$`)

// DoubtfulPair says why some release's API refuses such metadata, "" when every
// release takes it.
func DoubtfulPair(key, value string) string {
	switch {
	case !sureKey.MatchString(key):
		return "not every Cinder takes other keys than 1 to 255 letters, digits, spaces and -_:./"
	case utf8.RuneCountInString(value) > sureText:
		return fmt.Sprintf("not every Cinder takes values of more than %d characters, this one has %d", sureText, utf8.RuneCountInString(value))
	}
	return ""
}

// DoubtfulText says why some release's API refuses such a name or description,
// "" when every release takes it.
func DoubtfulText(s *string) string {
	if s == nil {
		return ""
	}
	// Cinder strips what surrounds it before it counts, and before it keeps it.
	if n := utf8.RuneCountInString(strings.TrimSpace(*s)); n > sureText {
		return fmt.Sprintf("not every Cinder takes more than %d characters, this has %d", sureText, n)
	}
	return ""
}
