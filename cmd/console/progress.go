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
)

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
