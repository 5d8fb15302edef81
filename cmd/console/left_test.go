package console

import (
	"testing"
	"time"
)

func TestHowLongItTakesIsSaidAsExactlyAsItIsKnown(t *testing.T) {
	for want, c := range map[string][2]time.Duration{
		"":                    {0, 0},
		"  1m12s left":        {72 * time.Second, 72 * time.Second},
		"  10s left":          {9 * time.Second, 11 * time.Second},
		"  20m left":          {19 * time.Minute, 21 * time.Minute},
		"  2m to 14m left":    {2 * time.Minute, 14 * time.Minute},
		"  45s to 2h10m left": {45 * time.Second, 131 * time.Minute},
		"  5h left":           {5*time.Hour + 3*time.Minute, 5*time.Hour + 3*time.Minute},
		"  months left":       {time.Second, maxLeft},
	} {
		if got := leftWords(c[0], c[1]); got != want {
			t.Errorf("%s to %s: %q, not %q", c[0], c[1], got, want)
		}
	}
}

// A disk begins with zeros, which pass at once; then comes data. What is left must not be told as if
// all of it were zeros, nor before anything is known.
func TestWhatIsLeftIsARangeWhereTheSpeedChanges(t *testing.T) {
	e := &estimate{recent: newWindow(leftWindow)}
	start := time.Unix(1000, 0)
	e.recent.samples = []mark{{at: start}}
	s := State{Stage: "copying", Total: 1000e6}
	var least, most time.Duration
	step := func(second int, done int64) {
		s.Done = done
		least, most = e.left(start.Add(time.Duration(second)*time.Second), s)
	}
	step(0, 0)
	step(1, 40e6)
	if most != 0 {
		t.Errorf("after a second: %s to %s", least, most)
	}
	for i := 2; i <= 10; i++ { // 40 MB/s
		step(i, int64(i)*40e6)
	}
	if least != 15*time.Second || most != 15*time.Second {
		t.Errorf("steady: %s to %s", least, most)
	}
	for i := 11; i <= 60; i++ { // 1 MB/s
		step(i, 400e6+int64(i-10)*1e6)
	}
	if least < 60*time.Second || least > 90*time.Second || most < 500*time.Second ||
		most > 600*time.Second {
		t.Errorf("after it became slow: %s to %s", least, most)
	}
	for i := 61; i <= 100; i++ { // nothing
		step(i, 450e6)
	}
	if most != 0 {
		t.Errorf("while nothing moves: %s to %s", least, most)
	}
	s.Stage = "verifying"
	step(101, 0)
	if most != 0 {
		t.Errorf("as another stage begins: %s to %s", least, most)
	}
}
