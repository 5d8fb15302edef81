package cinderapi

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// What Cinder's API takes (cinder/api/validation/parameter_types.py,
// extra_specs), which is less than what its database holds and its own restore
// puts back.
const maxText = 255 // characters of a key, a value, a name or a description

var goodKey = regexp.MustCompile(`^[a-zA-Z0-9_:. /-]{1,255}$`)

// RefusedPair says why the API takes no such metadata, "" when it does.
func RefusedPair(key, value string) string {
	switch {
	case !goodKey.MatchString(key):
		return "Cinder's API takes keys of 1 to 255 letters, digits, spaces and -_:./ only"
	case utf8.RuneCountInString(value) > maxText:
		return fmt.Sprintf("Cinder's API takes values of %d characters, this one has %d", maxText, utf8.RuneCountInString(value))
	}
	return ""
}

// RefusedText says why the API takes no such name or description.
func RefusedText(s *string) string {
	if s == nil {
		return ""
	}
	// Cinder strips what surrounds it before it counts, and before it keeps it.
	if n := utf8.RuneCountInString(strings.TrimSpace(*s)); n > maxText {
		return fmt.Sprintf("Cinder's API takes %d characters, this has %d", maxText, n)
	}
	return ""
}
