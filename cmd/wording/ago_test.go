package wording

import (
	"testing"
	"time"
)

func TestHowLongAgoIsSaidInAUnitOfWhichThereAreTwo(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for ago, want := range map[time.Duration]string{
		0: "now", 59 * time.Second: "now", time.Minute: "1 min ago",
		119 * time.Minute: "119 min ago",
		3 * time.Hour:     "3 h ago", 47 * time.Hour: "47 h ago", 13 * day: "13 days ago",
		15 * day: "2 weeks ago", 61 * day: "2 months ago", 729 * day: "24 months ago",
		731 * day: "2 years ago", -30 * time.Second: "now", -3 * time.Hour: "in 3 h",
	} {
		if got := Ago(now.Add(-ago), now); got != want {
			t.Errorf("%s: %q, not %q", ago, got, want)
		}
	}
}
