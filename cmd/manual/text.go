package manual

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// What help must fit into: a terminal that somebody reads.
const (
	Columns = 100
	Lines   = 80
	// textAt is the column in which the text of flags begins.
	textAt = 28
)

// noBreak stands for a space at which no line is broken.
const noBreak = "\x00"

// helpText is help that is being written. Nothing of it can fail before it is whole and printed.
type helpText struct{ strings.Builder }

func (t *helpText) line(format string, args ...any) {
	t.WriteString(strings.ReplaceAll(fmt.Sprintf(format, args...), noBreak, " ") + "\n")
}

// title begins a part, with an empty line before it.
func (t *helpText) title(name string) { t.line("\n%s", strings.ToUpper(name)) }

// filled writes a text below a margin.
func (t *helpText) filled(margin int, words string) {
	for _, line := range fill(words, Columns-margin) {
		t.line("%*s%s", margin, "", line)
	}
}

// row writes a word and, in the column at, what is said of it.
func (t *helpText) row(head, said string, at int) {
	lines := fill(said, Columns-at)
	first := fmt.Sprintf("  %-*s  ", at-4, head)
	if utf8.RuneCountInString(first) > at {
		t.line("  %s", head)
		first = strings.Repeat(" ", at)
	}
	for i, line := range lines {
		if i > 0 {
			first = strings.Repeat(" ", at)
		}
		t.line("%s%s", first, line)
	}
}

func (t *helpText) examples(list []Usage) {
	if len(list) == 0 {
		return
	}
	t.title("Examples")
	for _, e := range list {
		if e.What != "" {
			t.line("  # %s", e.What)
		}
		t.line("  %s", e.Line)
	}
}

// flags writes the flags for one purpose.
func (t *helpText) flags(g Flags) {
	t.title("Flags: " + g.Title)
	for _, f := range g.Flags {
		t.row(f.Head(), f.Said(), textAt)
	}
}

func (t *helpText) paragraph(p paragraph) {
	if !p.asIs {
		t.filled(2, strings.Join(p.lines, " "))
		return
	}
	for _, line := range p.lines {
		t.line(" %s", line)
	}
}
