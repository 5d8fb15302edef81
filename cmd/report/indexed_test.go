package report

import (
	"testing"
	"time"
)

func TestWhatWasIndexedBeforeIsTold(t *testing.T) {
	for want, n := range map[string][2]int64{
		"indexed, 1 GiB in 1.5 s":                                      {1 << 30, 1 << 30},
		"was indexed before, 1 GiB":                                    {0, 1 << 30},
		"indexed, 256 MiB in 1.5 s; 768 MiB were before":               {256 << 20, 1 << 30},
		"needs no index: it has no object that is long and compressed": {0, 0},
	} {
		if got := Indexed(n[0], n[1], 1500*time.Millisecond); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}
