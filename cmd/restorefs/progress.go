package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/cmd/restore"
)

func progressFlag() cli.Flag {
	return &cli.StringFlag{Name: "progress", Value: "auto", Usage: "on stderr: `HOW` is auto, json (a line each second) or none"}
}

// progressState is how far something has got. With --progress=json it is a line of stderr; its
// fields are a contract. Other lines of stderr do not begin with {.
type progressState struct {
	Stage   string `json:"stage"`
	Done    int64  `json:"done"` // bytes of the volume, in this stage
	Total   int64  `json:"total"`
	Written int64  `json:"written"`
	Zeroed  int64  `json:"zeroed"`
	Skipped int64  `json:"skipped"` // found right on the target
	Healed  int64  `json:"healed"`  // damaged and read from siblings so far
	Rate    int64  `json:"rate"`    // of Done, in bytes a second, over the last seconds
}

func stateOf(p restore.Progress) progressState {
	return progressState{
		Stage: p.Stage, Done: p.Done, Total: p.Total, Written: p.Written, Zeroed: p.Zeroed, Skipped: p.Skipped, Healed: p.Healed,
	}
}

func checkProgressFlag(c *cli.Context) error {
	switch how := c.String("progress"); how {
	case "auto", "json", "none":
		return nil
	default:
		return usagef("--progress %s: it is auto, json or none", how)
	}
}

// showProgress shows what now returns in the way of --progress, until stop is called.
func (o console) showProgress(now func() progressState) (stop func()) {
	measured := withRate(now)
	switch o.progress {
	case "none":
		return func() {}
	case "json":
		return reportJSON(o.err, measured)
	}
	return showLine(o.err, lineEvery, measured)
}

// withRate adds the rate to what now returns.
func withRate(now func() progressState) func() progressState {
	window := newWindow()
	return func() progressState {
		s := now()
		s.Rate = window.rate(time.Now(), s.Stage, s.Done)
		return s
	}
}

func reportJSON(w io.Writer, now func() progressState) (stop func()) {
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

// lineEvery is the time between lines if stderr is not a terminal.
const lineEvery = 30 * time.Second

// showLine updates a bar on a terminal, or else writes a line at intervals, until the returned
// function is called.
func showLine(w io.Writer, every time.Duration, now func() progressState) (stop func()) {
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

func stateLine(s progressState) string {
	if s.Total == 0 {
		return s.Stage
	}
	return fmt.Sprintf("%s  %3.0f %%  %s", s.Stage, 100*float64(s.Done)/float64(s.Total), rateWords(s))
}

// rateWords says how fast it goes, how long it will take, and how much there is.
func rateWords(s progressState) string {
	words := formatSize(s.Rate) + "/s"
	if s.Rate > 0 && s.Done < s.Total {
		left := time.Duration(float64(s.Total-s.Done) / float64(s.Rate) * float64(time.Second))
		words += fmt.Sprintf("  %s left", left.Round(time.Second))
	}
	if s.Healed > 0 {
		words += fmt.Sprintf("  %s healed", formatSize(s.Healed))
	}
	return words + fmt.Sprintf("  %s of %s", formatSize(s.Done), formatSize(s.Total))
}

// rateWindow is the time over which a rate is measured: zeros and data have very different speeds,
// so that an average over the whole run says little.
const rateWindow = 5 * time.Second

// window keeps the last samples of a counter, of one stage only.
type window struct {
	stage   string
	samples []mark
}

type mark struct {
	at   time.Time
	done int64
}

func newWindow() *window { return &window{samples: []mark{{at: time.Now()}}} }

// rate adds a sample and returns bytes a second since the oldest sample that the window needs.
func (w *window) rate(now time.Time, stage string, done int64) int64 {
	if last := w.samples[len(w.samples)-1]; done < last.done || stage != w.stage && w.stage != "" {
		w.samples = w.samples[:0]
	}
	w.stage = stage
	w.samples = append(w.samples, mark{now, done})
	for len(w.samples) > 2 && now.Sub(w.samples[1].at) >= rateWindow {
		w.samples = w.samples[1:]
	}
	first := w.samples[0]
	passed := now.Sub(first.at).Seconds()
	if passed <= 0 {
		return 0
	}
	return int64(float64(done-first.done) / passed)
}
