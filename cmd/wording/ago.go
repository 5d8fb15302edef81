package wording

import (
	"fmt"
	"time"
)

// Ago says how long ago something was, in the largest unit of which there are two or more. What is
// in the future, by clocks that differ, is that.
func Ago(t, now time.Time) string {
	d := now.Sub(t)
	form := "%s ago"
	if d < 0 {
		d, form = -d, "in %s"
	}
	const day = 24 * time.Hour
	for _, u := range []struct {
		unit time.Duration
		name string
		many bool // the name has a plural
	}{
		{365 * day, "year", true}, {30 * day, "month", true}, {7 * day, "week", true},
		{day, "day", true}, {time.Hour, "h", false}, {time.Minute, "min", false},
	} {
		n := int(d / u.unit)
		switch {
		case n < 2:
		case u.many:
			return fmt.Sprintf(form, Count(n, u.name))
		default:
			return fmt.Sprintf(form, fmt.Sprintf("%d %s", n, u.name))
		}
	}
	if d >= time.Minute {
		return fmt.Sprintf(form, "1 min")
	}
	return "now"
}
