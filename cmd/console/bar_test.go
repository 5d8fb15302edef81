package console

import (
	"strings"
	"testing"
)

func TestTheBarFitsTheTerminal(t *testing.T) {
	s := State{Stage: "copying", Done: 3 << 30, Total: 10 << 30, Rate: 100 << 20, Healed: 32 << 10,
		LeftMin: 72, LeftMax: 72}
	for columns := 1; columns < 250; columns++ {
		line := barLine(s, columns)
		if len(line) > columns {
			t.Errorf("%d columns: %q", columns, line)
		}
		if drawn := strings.Contains(line, "[="); columns < 70 && drawn || columns > 80 && !drawn {
			t.Errorf("%d columns: %q", columns, line)
		}
	}
	for _, words := range []string{"copying", " 30 %", "100 MiB/s", "1m12s left", "32 KiB healed",
		"3 GiB of 10 GiB"} {
		if line := barLine(s, 120); !strings.Contains(line, words) {
			t.Errorf("%q does not say %q", line, words)
		}
	}
	if line := barLine(State{Stage: "starting"}, 40); line != "starting" {
		t.Errorf("before anything is known: %q", line)
	}
}
