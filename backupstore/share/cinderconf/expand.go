package cinderconf

import (
	"errors"
	"fmt"
	"strings"
)

// errUnknown is the error of a reference to an option that is not set and has
// no default here.
var errUnknown = errors.New("its value is not in the configuration")

// These bound the expansion of references.
const (
	maxDepth      = 20
	maxReferences = 1000
	maxLength     = 64 << 10
)

// get returns the value of an option with references expanded; ok is false if
// it is not set and has no default.
func (s source) get(name string) (value string, ok bool, err error) {
	left := maxReferences
	return s.expand(name, 0, &left)
}

func (s source) expand(name string, depth int, left *int) (string, bool, error) {
	if *left--; depth > maxDepth || *left < 0 {
		return "", false, fmt.Errorf("option %s: it stands for itself, or for too many others",
			name)
	}
	v, ok := s.values[name]
	if !ok {
		if v, ok = defaults[name]; !ok {
			if v, ok = storeDefaults[name]; !ok {
				return "", false, nil
			}
		}
	}
	var out strings.Builder
	rest := strings.ReplaceAll(v, `\$`, "$$")
	for {
		text, after, more := strings.Cut(rest, "$")
		out.WriteString(text)
		if out.Len() > maxLength {
			return "", false, fmt.Errorf("option %s: it is longer than %d bytes", name, maxLength)
		}
		if !more {
			return out.String(), true, nil
		}
		if strings.HasPrefix(after, "$") {
			out.WriteByte('$')
			rest = after[1:]
			continue
		}
		ref, behind := reference(after)
		if ref == "" { // not a reference: the $ stays
			out.WriteByte('$')
			rest = after
			continue
		}
		inner, ok, err := s.expand(strings.TrimPrefix(ref, "DEFAULT."), depth+1, left)
		if err != nil {
			return "", false, err
		}
		if !ok {
			return "", false, fmt.Errorf("option %s uses $%s: %w", name, ref, errUnknown)
		}
		out.WriteString(inner)
		rest = behind
	}
}

// reference splits the text after a $ into the name of an option and the rest
// (cfg.py, Template.idpattern, which ignores case).
func reference(s string) (name, rest string) {
	inner, braced := strings.CutPrefix(s, "{")
	n := 0
	for n < len(inner) && inName(inner[n], n == 0) {
		n++
	}
	switch {
	case n == 0:
		return "", s
	case !braced:
		return inner[:n], inner[n:]
	case n < len(inner) && inner[n] == '}':
		return inner[:n], inner[n+1:]
	}
	return "", s
}

func inName(c byte, first bool) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
		!first && (c == '.' || c >= '0' && c <= '9')
}
