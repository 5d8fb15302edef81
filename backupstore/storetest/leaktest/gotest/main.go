// Command gotest runs "go test" with its arguments, prints the output, and at the end says which
// tests did not run here, and why. If RESTOREFS_TEST_ALL is set, a test that skips because
// something is missing fails the run.
//
// go test without -v does not say that a test was skipped: without root or /dev/fuse one would
// believe that everything was tested.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func main() {
	signal.Ignore(os.Interrupt) // go test gets it too, and ends
	cmd := exec.Command(cmp.Or(os.Getenv("GO"), "go"),
		append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
	r := newReport(os.Stdout)
	r.read(out)
	err = cmd.Wait()
	missing := r.skipped()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	case missing > 0 && os.Getenv(need.All) != "":
		fmt.Println("FAIL: " + need.All + " is set, and not all tests ran")
		os.Exit(1)
	}
}

// event is one line of "go test -json"; see "go doc test2json".
type event struct {
	Action, Package, ImportPath, Test, Output string
}

// report collects the output of go test.
type report struct {
	out     io.Writer
	lines   map[[2]string][]string // of tests that have not ended, by package and test
	reasons map[string][]string    // tests that were skipped, by reason
	ran     int
}

func newReport(out io.Writer) *report {
	return &report{out: out, lines: map[[2]string][]string{}, reasons: map[string][]string{}}
}

// read prints lines of packages as they come, and those of a test once it has failed.
func (r *report) read(events io.Reader) {
	in := bufio.NewReader(events)
	for {
		line, err := in.ReadString('\n')
		var e event
		if line != "" && json.Unmarshal([]byte(line), &e) != nil {
			fmt.Fprint(r.out, line) // such as of a build that failed
		} else if line != "" {
			r.take(e)
		}
		if err != nil {
			return
		}
	}
}

func (r *report) take(e event) {
	key := [2]string{e.Package, e.Test}
	switch {
	case e.Action == "build-output":
		fmt.Fprint(r.out, e.Output)
	case e.Action == "output" && e.Test != "":
		r.lines[key] = append(r.lines[key], e.Output)
	case e.Action == "output":
		if e.Output != "PASS\n" {
			fmt.Fprint(r.out, e.Output)
		}
	case e.Test == "":
	case e.Action == "fail":
		r.ran++
		fmt.Fprint(r.out, strings.Join(r.lines[key], ""))
		delete(r.lines, key)
	case e.Action == "pass":
		r.ran++
		delete(r.lines, key)
	case e.Action == "skip":
		why := reason(r.lines[key])
		r.reasons[why] = append(r.reasons[why],
			e.Package[strings.LastIndexByte(e.Package, '/')+1:]+"."+e.Test)
		delete(r.lines, key)
	}
}

// location matches what package testing puts before the messages of a test.
var location = regexp.MustCompile(`^\s*[\w.-]+\.go:\d+: `)

// reason returns the message with which a test was skipped, without file and line.
func reason(lines []string) string {
	var said []string
	for _, line := range lines {
		if !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(strings.TrimSpace(line),
			"--- SKIP") {
			said = append(said, strings.TrimSpace(location.ReplaceAllString(line, "")))
		}
	}
	return cmp.Or(strings.Join(said, " "), "no reason was given")
}

// skipped prints which tests were skipped, and returns how many were because something is missing.
func (r *report) skipped() (missing int) {
	const most = 8 // names for one reason
	for _, why := range slices.Sorted(maps.Keys(r.reasons)) {
		tests := r.reasons[why]
		if !strings.HasPrefix(why, need.NotInThisRun) {
			missing += len(tests)
		}
		names := strings.Join(tests[:min(len(tests), most)], ", ")
		if len(tests) > most {
			names += fmt.Sprintf(" and %d more", len(tests)-most)
		}
		fmt.Fprintf(r.out, "%4d skipped, %s: %s\n", len(tests), why, names)
	}
	fmt.Fprintf(r.out,
		"%d tests ran; %d were skipped for want of something (make setup installs what they use; "+
			"root, /dev/fuse)\n", r.ran, missing)
	return missing
}
