package manual

import (
	"fmt"
	"strings"
	"time"
)

// roff writes a manual page in the macros of man(7) that groff and mandoc both have.
type roff struct{ strings.Builder }

// escapes are for characters that roff would act on, or print as others than can be typed.
var escapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`,
	"~", `\(ti`, `"`, `\(dq`)

// escaped returns text as it stands in a line of a page.
func escaped(text string) string {
	text = escapes.Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

func bold(text string) string   { return `\fB` + escaped(text) + `\fR` }
func italic(text string) string { return `\fI` + escaped(text) + `\fR` }

// raw writes a line that is roff already.
func (r *roff) raw(format string, args ...any) { fmt.Fprintf(r, format+"\n", args...) }

// head begins the page.
func (r *roff) head(name string, section int, version string, date time.Time, summary string) {
	day := ""
	if !date.IsZero() {
		day = date.UTC().Format(time.DateOnly)
	}
	r.raw(`.TH "%s" "%d" "%s" "%s" "%s"`, escaped(strings.ToUpper(name)), section, day,
		escaped(strings.TrimSpace(Program+" "+version)), Program)
	r.section("Name")
	r.raw(`%s \- %s`, escaped(name), escaped(summary))
}

func (r *roff) section(title string) { r.raw(`.SH "%s"`, escaped(strings.ToUpper(title))) }
func (r *roff) subsection(title string) {
	r.raw(`.SS "%s"`, escaped(strings.ToUpper(title[:1])+title[1:]))
}

// filled writes text that is filled where it is read, in lines that one can read here.
func (r *roff) filled(text string) {
	const columns = 72
	for _, line := range fill(text, columns) {
		r.raw("%s", escaped(line))
	}
}

// asIs writes lines that are not filled, without the margin that the first one has.
func (r *roff) asIs(lines []string) {
	r.raw(".RS 4\n.EX")
	margin := lines[0][:len(lines[0])-len(strings.TrimLeft(lines[0], " "))]
	for _, line := range lines {
		r.raw("%s", escaped(strings.TrimRight(strings.TrimPrefix(line, margin), " ")))
	}
	r.raw(".EE\n.RE")
}

// item writes a term, which is roff already, and what is said of it.
func (r *roff) item(term, said string) {
	r.raw(".TP\n%s", term)
	r.filled(said)
}

// text writes paragraphs; one that begins with "* TERM: " is an item.
func (r *roff) text(said string) {
	for i, p := range paragraphs(said) {
		words := strings.Join(p.lines, " ")
		term, rest, isItem := strings.Cut(strings.TrimPrefix(words, "* "), ": ")
		isItem = isItem && strings.HasPrefix(words, "* ")
		if i > 0 && !isItem {
			r.raw(".PP")
		}
		switch {
		case p.asIs:
			r.asIs(p.lines)
		case isItem:
			r.item(bold(term), rest)
		default:
			r.filled(words)
		}
	}
}

// references writes the last section.
func (r *roff) references(pages []string) {
	r.section("See also")
	for i, page := range pages {
		name, section, _ := strings.Cut(strings.TrimSuffix(page, ")"), "(")
		end := ","
		if i == len(pages)-1 {
			end = ""
		}
		r.raw(".BR %s (%s)%s", escaped(name), section, end)
	}
}

func (r *roff) examples(list []Usage) {
	if len(list) == 0 {
		return
	}
	r.section("Examples")
	for i, e := range list {
		if i > 0 {
			r.raw(".PP")
		}
		end := ":"
		if strings.HasSuffix(e.What, "?") {
			end = ""
		}
		r.filled(e.What + end)
		r.asIs([]string{e.Line})
	}
}

func (r *roff) flag(f Flag) {
	names := make([]string, len(f.Names))
	for i, word := range strings.Split(f.names(), ", ") {
		names[i] = bold(word)
	}
	head := strings.Join(names, ", ")
	switch {
	case f.Optional:
		head += "[=" + italic(f.Value) + "]"
	case f.Value != "":
		head += " " + italic(f.Value)
	}
	r.item(head, f.Said())
}
