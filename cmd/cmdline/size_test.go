package cmdline

import (
	"errors"
	"strings"
	"testing"
)

func TestARateThatIsASlipIsRefusedWithTheWayToWriteIt(t *testing.T) {
	for s, want := range map[string]int64{"0": 0, "4096": 4096, "1000000": 1e6, "4KiB": 4096,
		"5M": 5 << 20, "5M/s": 5 << 20, "50 MiB/s": 50 << 20, "40Mbit": 5e6, "1 Gbit/s": 125e6,
		"80kbps": 1e4, "1.5GiB": 3 << 29} {
		if got, err := ParseRate(s); err != nil || got != want {
			t.Errorf("%s: %d, %v, not %d", s, got, err, want)
		}
	}
	for s, says := range map[string]string{
		"5":     "--bwlimit 5 is 5 bytes a second, and 4KiB is the least; a number alone is bytes, MiB are written as 5MiB",
		"1K":    "1024 bytes a second, and 4KiB is the least; a number alone is bytes, MiB are written as 50MiB",
		"0.5":   "0 bytes a second, and 4KiB is the least",
		"x":     "not a size",
		"9bit":  "1 byte a second, and 4KiB is the least",
		"..bit": "not a rate",
	} {
		if _, err := ParseRate(s); !errors.As(err, new(UsageError)) ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", s, err)
		}
	}
}
