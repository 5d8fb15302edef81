package restore

import (
	"testing"
)

func TestThePercentageOfQemu(t *testing.T) {
	var p percentage
	for _, c := range []struct {
		text string
		want int64
	}{{"    (0.00/100%)\r", 0}, {"    (1.00/100%)\r    (12.34/100%)\r", 1234}, {"noise", 1234},
		{"(x/100%)", 1234}, {"    (100.00/100%)\r\n", 10000}} {
		p.Write([]byte(c.text))
		if got := p.hundredths.Load(); got != c.want {
			t.Errorf("%q: %d, want %d", c.text, got, c.want)
		}
	}
}
