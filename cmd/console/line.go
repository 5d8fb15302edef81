package console

import (
	"fmt"
	"time"

	"github.com/restorefs/restorefs/cmd/wording"
)

// rateWords says how fast it goes, how long it will take, and how much there is.
func rateWords(s State) string {
	words := wording.Size(s.Rate) + "/s"
	seconds := func(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
	words += leftWords(seconds(s.LeftMin), seconds(s.LeftMax))
	if s.Healed > 0 {
		words += fmt.Sprintf("  %s healed", wording.Size(s.Healed))
	}
	return words + fmt.Sprintf("  %s of %s", wording.Size(s.Done), wording.Size(s.Total))
}

func stateLine(s State) string {
	if s.Total == 0 {
		return s.Stage
	}
	return fmt.Sprintf("%s  %3.0f %%  %s", s.Stage, 100*float64(s.Done)/float64(s.Total),
		rateWords(s))
}
