package doctor

import (
	"fmt"
	"io"
	"strings"

	"github.com/restorefs/restorefs/cmd/wording"
)

// State says how a check ended.
type State string

// The states of a [Finding], a contract.
const (
	OK      State = "ok"
	Note    State = "note"    // something that some commands would need, or that costs time
	Problem State = "problem" // something that was asked for does not work
)

// Finding is the result of one check; its fields are a contract, and so are the names of checks.
type Finding struct {
	Check   string `json:"check"`
	State   State  `json:"state"`
	Message string `json:"message"`
	Next    string `json:"next,omitempty"` // what to type, or to do
}

func ok(check, format string, args ...any) Finding {
	return Finding{Check: check, State: OK, Message: fmt.Sprintf(format, args...)}
}

func note(check, next, format string, args ...any) Finding {
	return Finding{check, Note, fmt.Sprintf(format, args...), next}
}

func problem(check, next, format string, args ...any) Finding {
	return Finding{check, Problem, fmt.Sprintf(format, args...), next}
}

// Worst returns the worst state of all, [OK] of none.
func Worst(all []Finding) State {
	worst := OK
	for _, f := range all {
		if f.State == Problem || f.State == Note && worst == OK {
			worst = f.State
		}
	}
	return worst
}

// Print prints the findings for people, a line each, with what to do below those that need it.
func Print(w io.Writer, all []Finding, colour bool) {
	checks, counts := 0, map[State]int{}
	for _, f := range all {
		checks = max(checks, len(f.Check))
		counts[f.State]++
	}
	for _, f := range all {
		word := fmt.Sprintf("%-7s", f.State)
		if code := map[State]string{Note: "33", Problem: "31"}[f.State]; colour && code != "" {
			word = "\033[" + code + "m" + word + "\033[0m"
		}
		lines := strings.Split(f.Message, "\n")
		fmt.Fprintf(w, "%s  %-*s  %s\n", word, checks, f.Check, said(lines[0]))
		for _, line := range lines[1:] {
			fmt.Fprintf(w, "%*s%s\n", len("problem")+checks+4, "", said(line))
		}
		if f.Next != "" {
			fmt.Fprintf(w, "%*s-> %s\n", len("problem")+checks+4, "", said(f.Next))
		}
	}
	fmt.Fprintf(w, "%s, %s, %d ok\n", wording.Count(counts[Problem], "problem"),
		wording.Count(counts[Note], "note"), counts[OK])
}

// said is text that may have names of the share in it.
func said(text string) string { return wording.Printable(wording.Cut(text, wording.MaxLine)) }
