package fusefs

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestOneEventASecondPassesForEachKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var th throttle
		if n, ok := th.pass("a"); !ok || n != 0 {
			t.Error("the first does not pass")
		}
		for range 5 {
			if _, ok := th.pass("a"); ok {
				t.Error("one at once after it passes")
			}
		}
		if _, ok := th.pass("b"); !ok {
			t.Error("another key has to wait")
		}
		time.Sleep(throttleEvery)
		if n, ok := th.pass("a"); !ok || n != 5 {
			t.Errorf("a second later: %d, %v", n, ok)
		}
		for i := range 3 * throttleKeys {
			th.pass(strconv.Itoa(i))
		}
		if len(th.keys) > throttleKeys {
			t.Errorf("%d keys are kept", len(th.keys))
		}
	})
}
