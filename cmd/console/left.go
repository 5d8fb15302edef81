package console

import (
	"fmt"
	"strings"
	"time"
)

const (
	// leftWindow is the time over which the speed is measured for how long it will take.
	leftWindow = 30 * time.Second
	// leftAfter is how long a stage must have lasted for a guess.
	leftAfter = 3 * time.Second
)

// estimate guesses how long a stage will take, by two speeds: that of the last half minute and that
// of all the stage. Zeros pass much faster than data, and nobody knows what is still to come: where
// the two differ, so does the guess, and that is said.
type estimate struct {
	recent *window
	stage  string
	began  mark
}

// left returns the least and the most that are left; 0 while that cannot be said.
func (e *estimate) left(now time.Time, s State) (least, most time.Duration) {
	recent := e.recent.rate(now, s.Stage, s.Done)
	if e.began.at.IsZero() || s.Stage != e.stage || s.Done < e.began.done {
		e.stage, e.began = s.Stage, mark{now, s.Done}
	}
	passed := now.Sub(e.began.at)
	whole := int64(float64(s.Done-e.began.done) / max(passed.Seconds(), 0.001))
	if passed < leftAfter || recent <= 0 || whole <= 0 || s.Done >= s.Total {
		return 0, 0
	}
	at := func(rate int64) time.Duration {
		return time.Duration(min(float64(s.Total-s.Done)/float64(rate), maxLeft.Seconds()) *
			float64(time.Second))
	}
	return min(at(recent), at(whole)), max(at(recent), at(whole))
}

// maxLeft is the longest time that is said.
const maxLeft = 99 * 24 * time.Hour

// leftWords says how long it will take, "" if that is not known.
func leftWords(least, most time.Duration) string {
	switch {
	case most <= 0:
		return ""
	case most >= maxLeft:
		return "  months left"
	case most < least+max(least/4, 5*time.Second), roughly(least) == roughly(most):
		return fmt.Sprintf("  %s left", roughly((least+most)/2))
	}
	return fmt.Sprintf("  %s to %s left", roughly(least), roughly(most))
}

// roughly is a time as exactly as a guess can be.
func roughly(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return d.Round(time.Second).String()
	case d < 2*time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	d = d.Round(10 * time.Minute)
	if m := d % time.Hour; m > 0 {
		return fmt.Sprintf("%dh%dm", d/time.Hour, m/time.Minute)
	}
	return fmt.Sprintf("%dh", d/time.Hour)
}
