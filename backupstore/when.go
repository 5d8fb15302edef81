package backupstore

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ErrNoTime is the error of ParseTime.
var ErrNoTime = errors.New("no time")

// Span is what a text says of a time, from its first moment to its last: a day is 24 hours long.
type Span struct {
	From, Until time.Time
	Relative    bool // it depends on the time at which it was said
}

// TimeExamples says how times can be written.
const TimeExamples = "2026-11-22 (the day), \"2026-11-22 18:46\" or 2026-11-22T18:46:01, each " +
	"with Z, UTC, +01:00 or +0100 behind it or else in UTC; what date prints; " +
	"\"yesterday 18:00\"; " +
	"2h (ago)"

// ParseTime takes a time as people write it, and as programs print it; now is the moment at which
// they do. These are:
//
//   - YYYY-MM-DD, or with HH:MM or HH:MM:SS after a space or a T;
//   - the same with today or yesterday in place of the date;
//   - now, and how long ago it was: 2h, 90m, 1d12h, "3 days ago", "2 weeks" (m is a minute);
//   - what date prints in English, also with -R, --iso-8601 or --rfc-3339.
//
// Behind a date or a time of day stands nothing, Z, UTC, or an offset such as +01:00, +0100 or +01.
// Without a zone it is UTC, as all times are that are shown. What date prints may have the name of
// a zone that is in force at now's location.
//
// A minute is the moment at which it begins: a backup that was made after the moment of an accident
// must never be taken for one before it. A second lasts until its end, because times are shown
// without fractions, and a time that was shown must find its backup.
//
// The error wraps ErrNoTime.
func ParseTime(s string, now time.Time) (Span, error) {
	text := strings.Join(strings.Fields(s), " ")
	for _, parse := range []func(string, time.Time) (Span, bool){
		parseDate, parseDateOutput, parseDay, parseAgo,
	} {
		if span, ok := parse(text, now); ok {
			return span, nil
		}
	}
	return Span{}, fmt.Errorf("%q is %w such as %s", s, ErrNoTime, TimeExamples)
}

// dateLayouts are the forms of a date and a time of day; zones follow them.
var (
	dateLayouts = []string{
		"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04",
		"2006-01-02",
	}
	dateZones = []string{"", "Z07:00", "Z0700", "Z07", " Z07:00", " Z0700", " Z07"}
)

func parseDate(text string, _ time.Time) (Span, bool) {
	if bare, ok := strings.CutSuffix(text, "UTC"); ok {
		text = strings.TrimSpace(bare) + "Z"
	}
	for _, layout := range dateLayouts {
		for _, zone := range dateZones {
			t, err := time.Parse(layout+zone, text)
			switch {
			case err != nil:
				continue
			case layout == time.DateOnly:
				return Span{From: t, Until: t.AddDate(0, 0, 1).Add(-1)}, true
			case strings.HasSuffix(layout, ":05"):
				return second(t), true
			}
			return Span{From: t, Until: t}, true
		}
	}
	return Span{}, false
}

// second returns the second that t is, or the one moment if t says more, as the parser accepts
// fractions that no layout has.
func second(t time.Time) Span {
	if t.Nanosecond() != 0 {
		return Span{From: t, Until: t}
	}
	return Span{From: t, Until: t.Add(time.Second - 1)}
}

// outputLayouts are what date prints in the C and English locales, and with -R.
var outputLayouts = []string{
	"Mon Jan 2 15:04:05 MST 2006", "Mon Jan 2 03:04:05 PM MST 2006", "Mon Jan 2 15:04:05 2006",
	"Mon 2 Jan 15:04:05 MST 2006", "Mon 2 Jan 2006 15:04:05 MST", "Mon 2 Jan 2006 03:04:05 PM MST",
	"Mon, 2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04:05 MST",
}

func parseDateOutput(text string, now time.Time) (Span, bool) {
	for _, layout := range outputLayouts {
		// A zone whose name now's location does not have would be taken for one without an offset.
		here := now.Location()
		t, err := time.ParseInLocation(layout, text, here)
		if err != nil || !strings.EqualFold(t.Format("Mon"), text[:3]) {
			continue
		}
		if name, _ := t.Zone(); strings.Contains(layout, "MST") && t.Location() != here &&
			name != "UTC" && name != "GMT" {
			continue
		}
		if !strings.Contains(layout, "MST") && !strings.Contains(layout, "-0700") {
			t, _ = time.Parse(layout, text)
		}
		return second(t), true
	}
	return Span{}, false
}

var dayPattern = regexp.MustCompile(
	`^(?i)(today|yesterday)(?:[ T]([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?))? ?` +
		`(Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?$`)

// parseDay takes today and yesterday, of the zone behind them, and now.
func parseDay(text string, now time.Time) (Span, bool) {
	if strings.EqualFold(text, "now") {
		return Span{From: now, Until: now, Relative: true}, true
	}
	m := dayPattern.FindStringSubmatch(text)
	if m == nil {
		return Span{}, false
	}
	zone := strings.ToUpper(m[3])
	day := now.UTC()
	if zone != "" && zone != "Z" && zone != "UTC" {
		at, ok := parseDate("2006-01-02"+zone, now)
		if !ok {
			return Span{}, false
		}
		day = now.In(at.From.Location())
	}
	if strings.EqualFold(m[1], "yesterday") {
		day = day.AddDate(0, 0, -1)
	}
	written := day.Format(time.DateOnly)
	if m[2] != "" {
		written += " " + m[2]
	}
	span, ok := parseDate(written+zone, now)
	span.Relative = true
	return span, ok
}

var (
	agoPattern  = regexp.MustCompile(`^(?i)(?:[0-9]+ ?[a-z]+ ?)+$`)
	stepPattern = regexp.MustCompile(`([0-9]+) ?([a-z]+)`)
)

// agoUnits are the beginnings of the units, in the singular.
var agoUnits = map[string]time.Duration{
	"s": time.Second, "sec": time.Second, "second": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute,
	"h": time.Hour, "hour": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour,
	"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour,
}

// maxAgo is longer ago than there is a backup.
const maxAgo = 100 * 366 * 24 * time.Hour

// parseAgo takes how long ago something was.
func parseAgo(text string, now time.Time) (Span, bool) {
	text = strings.TrimSuffix(strings.ToLower(text), " ago")
	if !agoPattern.MatchString(text) {
		return Span{}, false
	}
	var ago time.Duration
	for _, step := range stepPattern.FindAllStringSubmatch(text, -1) {
		unit, ok := agoUnits[step[2]]
		if !ok && len(step[2]) > 2 {
			unit, ok = agoUnits[strings.TrimSuffix(step[2], "s")]
		}
		n, err := strconv.ParseInt(step[1], 10, 64)
		if !ok || err != nil || n > int64((maxAgo-ago)/unit) {
			return Span{}, false
		}
		ago += time.Duration(n) * unit
	}
	at := now.Add(-ago)
	return Span{From: at, Until: at, Relative: true}, true
}
