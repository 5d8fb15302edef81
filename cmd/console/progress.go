package console

import (
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/wording"
)

// State is how far something has got. With --progress=json it is a line of stderr; its fields are a
// contract. Other lines of stderr do not begin with {.
type State struct {
	Stage   string `json:"stage"`
	Done    int64  `json:"done"` // bytes of the volume, in this stage
	Total   int64  `json:"total"`
	Written int64  `json:"written"`
	Zeroed  int64  `json:"zeroed"`
	Skipped int64  `json:"skipped"` // found right on the target
	Healed  int64  `json:"healed"`  // damaged and read from siblings so far
	Rate    int64  `json:"rate"`    // of Done, in bytes a second, over the last seconds
	// LeftMin and LeftMax are the least and the most seconds that this stage may still take; not
	// there while that cannot be said.
	LeftMin float64 `json:"left_min,omitempty"`
	LeftMax float64 `json:"left_max,omitempty"`
}

// CheckProgress refuses another --progress than there is.
func (o Console) CheckProgress() error {
	switch o.Progress {
	case "auto", "json", "none":
		return nil
	}
	return cmdline.Usagef("--progress %s: it is auto, json or none", o.Progress)
}

// ShowProgress shows what now returns in the way of --progress, until stop is called.
func (o Console) ShowProgress(now func() State) (stop func()) {
	measured := WithRate(now)
	switch o.Progress {
	case "none":
		return func() {}
	case "json":
		return reportJSON(o.Err, measured)
	}
	return ShowLine(o.Err, LineEvery, measured)
}

// WithRate adds to what now returns the rate, and how long it will take.
func WithRate(now func() State) func() State {
	window := newWindow(rateWindow)
	guess := &estimate{recent: newWindow(leftWindow)}
	return func() State {
		s, at := now(), time.Now()
		s.Rate = window.rate(at, s.Stage, s.Done)
		least, most := guess.left(at, s)
		s.LeftMin, s.LeftMax = math.Round(least.Seconds()), math.Round(most.Seconds())
		return s
	}
}

func reportJSON(w io.Writer, now func() State) (stop func()) {
	line := func() {
		text, _ := safetext.JSON(now(), false) // cannot fail for numbers and words
		w.Write(text)
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				line()
			case <-quit:
				line()
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}

// LineEvery is the time between lines if stderr is not a terminal.
const LineEvery = 30 * time.Second

// ShowLine updates a bar on a terminal, or else writes a line at intervals, until the returned
// function is called.
func ShowLine(w io.Writer, every time.Duration, now func() State) (stop func()) {
	f, ok := w.(*os.File)
	terminal := ok && term.IsTerminal(int(f.Fd()))
	show := func() { fmt.Fprintln(w, stateLine(now())) }
	clear := func() {}
	if terminal {
		every = 250 * time.Millisecond
		show = func() {
			columns, _, err := term.GetSize(int(f.Fd())) // the terminal may have been resized
			if err != nil || columns < 2 {
				columns = 80
			}
			// The cursor stays at the start, so that log messages overwrite the bar.
			fmt.Fprintf(w, "%s\033[K\r", barLine(now(), columns-1))
		}
		clear = func() { fmt.Fprint(w, "\033[K") }
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				clear()
				return
			case <-tick.C:
				show()
			}
		}
	}()
	return func() { close(quit); <-done }
}

func stateLine(s State) string {
	if s.Total == 0 {
		return s.Stage
	}
	return fmt.Sprintf("%s  %3.0f %%  %s", s.Stage, 100*float64(s.Done)/float64(s.Total),
		rateWords(s))
}

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
