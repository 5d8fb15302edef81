package console

import (
	"fmt"
	"math"
	"strings"
)

// barLine draws s into that many columns. If they are few, the bar is left out first, then the end
// of the line is cut.
func barLine(s State, columns int) string {
	if s.Total == 0 {
		return s.Stage
	}
	before := fmt.Sprintf("%s  %3.0f %%  ", s.Stage, 100*float64(s.Done)/float64(s.Total))
	after := "  " + rateWords(s)
	if room := columns - len(before) - len(after); room > 0 {
		return before + bar(float64(s.Done)/float64(s.Total), room) + after
	}
	line := before + after
	return line[:min(len(line), columns)]
}

// bar draws the part of 1 that is done into that many columns.
func bar(done float64, columns int) string {
	if columns <= 2 {
		return "[]"[:columns]
	}
	columns -= 2
	n := int(math.Ceil(min(done, 1) * float64(columns)))
	if n == 0 {
		return "[" + strings.Repeat(" ", columns) + "]"
	}
	return "[" + strings.Repeat("=", n-1) + ">" + strings.Repeat(" ", columns-n) + "]"
}
