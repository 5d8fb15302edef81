package console

import (
	"testing"
	"time"
)

func TestTheRateIsThatOfTheLastSeconds(t *testing.T) {
	start := time.Unix(1000, 0)
	w := &window{span: rateWindow, samples: []mark{{at: start}}}
	at := func(tenths int) time.Time {
		return start.Add(
			time.Duration(tenths) * 100 * time.Millisecond)
	}
	var got int64
	for i := 1; i <= 100; i++ { // 10 s at 100 a tenth
		got = w.rate(at(i), "copying", int64(i)*100)
	}
	if got != 1000 {
		t.Errorf("steady: %d", got)
	}
	for i := 101; i <= 160; i++ { // 6 s at 10 a tenth
		got = w.rate(at(i), "copying", 10000+int64(i-100)*10)
	}
	if got != 100 {
		t.Errorf("6 s after it became slow: %d", got)
	}
	if got = w.rate(at(161), "verifying", 5000); got != 0 {
		t.Errorf("at the start of another stage: %d", got)
	}
	if got = w.rate(at(171), "verifying", 5500); got != 500 {
		t.Errorf("a second into another stage: %d", got)
	}
	if len(w.samples) > 60 {
		t.Errorf("%d samples are kept", len(w.samples))
	}
}
