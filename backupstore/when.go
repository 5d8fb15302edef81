package backupstore

import (
	"fmt"
	"strings"
	"time"
)

// whenLayouts are the forms of a time; zones follow them.
var (
	whenLayouts = []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"}
	whenZones   = []string{"", "Z07:00", "Z0700", "Z07", " Z07:00", " Z0700", " Z07"}
)

// parseWhen returns the last moment that s names: YYYY-MM-DD, or with HH:MM or HH:MM:SS after a
// space or a T; then nothing, Z, UTC, or an offset such as +01:00, +0100 or +01. Without a zone it
// is UTC.
//
// A day means its end, because no moment in it could be meant. A minute is the moment at which it
// begins: a backup that was made after the moment of an accident must never be taken for one before
// it. A second means its end, because times are shown without fractions, and a time that was shown
// must find its backup.
func parseWhen(s string) (time.Time, error) {
	_, until, ok := parseSpan(s)
	if !ok {
		return time.Time{}, fmt.Errorf("%w: %q is neither \"latest\" nor a time such as %s", ErrNoBackup, s, whenExamples)
	}
	return until, nil
}

const whenExamples = "2026-11-22 (up to its end), \"2026-11-22 18:46\" or 2026-11-22T18:46:01, " +
	"each with Z, UTC, +01:00 or +0100 behind it or else in UTC"

// ParseSince returns the first moment that a time means which is written as in Find: of a day, its
// beginning.
func ParseSince(s string) (time.Time, error) {
	from, _, ok := parseSpan(s)
	if !ok {
		return time.Time{}, fmt.Errorf("%q is no time such as %s", s, strings.Replace(whenExamples, "up to its end", "from its beginning", 1))
	}
	return from, nil
}

// parseSpan returns the first and the last moment that s names.
func parseSpan(s string) (from, until time.Time, ok bool) {
	text := strings.TrimSpace(s)
	if zone, ok := strings.CutSuffix(text, "UTC"); ok {
		text = strings.TrimSpace(zone) + "Z"
	}
	for _, layout := range whenLayouts {
		for _, zone := range whenZones {
			t, err := time.Parse(layout+zone, text)
			switch {
			case err != nil:
				continue
			case len(layout) == len("2006-01-02"):
				return t, t.AddDate(0, 0, 1).Add(-1), true
			case strings.HasSuffix(layout, ":05") && t.Nanosecond() == 0: // fractions are accepted too
				return t, t.Add(time.Second - 1), true
			}
			return t, t, true
		}
	}
	return time.Time{}, time.Time{}, false
}
