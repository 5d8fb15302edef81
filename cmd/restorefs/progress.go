package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/restorefs/restorefs/materialize"
)

// showProgress shows how far a materialize is until the returned function is
// called.
func showProgress(w io.Writer, p *materialize.Progress) (stop func()) {
	start := time.Now()
	return showLine(w, func() string { return progressLine(p.Snapshot(), time.Since(start)) })
}

// showLine keeps one line on a terminal up to date, or writes one every so
// often to anything else, until the returned function is called.
func showLine(w io.Writer, line func() string) (stop func()) {
	f, ok := w.(*os.File)
	terminal := ok && term.IsTerminal(int(f.Fd()))
	every := 30 * time.Second
	if terminal {
		every = 250 * time.Millisecond
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				if terminal {
					fmt.Fprint(w, "\r\033[K")
				}
				return
			case <-tick.C:
				if terminal {
					fmt.Fprint(w, "\r\033[K"+line())
				} else {
					fmt.Fprintln(w, line())
				}
			}
		}
	}()
	return func() { close(quit); <-done }
}

func progressLine(s materialize.Snapshot, elapsed time.Duration) string {
	if s.Total == 0 {
		return s.Stage.String()
	}
	return rateLine(s.Stage.String(), s.Done, s.Total, elapsed)
}

func rateLine(what string, done, total int64, elapsed time.Duration) string {
	rate := float64(done) / elapsed.Seconds()
	line := fmt.Sprintf("%s  %3.0f %%  %s of %s  %s/s", what, 100*float64(done)/float64(max(total, 1)),
		formatSize(done), formatSize(total), formatSize(int64(rate)))
	if rate > 0 && done < total {
		line += fmt.Sprintf("  %s left", (time.Duration(float64(total-done)/rate) * time.Second).Round(time.Second))
	}
	return line
}
