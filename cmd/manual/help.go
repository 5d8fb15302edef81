package manual

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
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

// text is help that is being written. Nothing of it can fail before it is whole and printed.
type text struct{ strings.Builder }

func (t *text) line(format string, args ...any) {
	t.WriteString(strings.ReplaceAll(fmt.Sprintf(format, args...), noBreak, " ") + "\n")
}

// title begins a part, with an empty line before it.
func (t *text) title(name string) { t.line("\n%s", strings.ToUpper(name)) }

// filled writes a text below a margin.
func (t *text) filled(margin int, words string) {
	for _, line := range fill(words, Columns-margin) {
		t.line("%*s%s", margin, "", line)
	}
}

// row writes a word and, in the column at, what is said of it.
func (t *text) row(head, said string, at int) {
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

func (t *text) examples(list []Usage) {
	if len(list) == 0 {
		return
	}
	t.title("Examples")
	for _, e := range list {
		t.line("  # %s", e.What)
		t.line("  %s", e.Line)
	}
}

// WriteCommand writes the help of a command. Unless all of it is asked for it fits on a screen: the
// flags that many commands have are only named then, and if need be the last paragraphs left out.
func (b Book) WriteCommand(w io.Writer, c *cli.Command, all bool) error {
	p := b.Page(c)
	said, topics := b.brief(p.Text)
	parts := paragraphs(said)
	t := p.help(parts, topics, false)
	for keep := len(parts); !all && keep > 0 && strings.Count(t.String(), "\n") > Lines; keep-- {
		t = p.help(parts[:keep], topics, true)
	}
	_, err := io.WriteString(w, t.String())
	return err
}

// help returns the help of a command; short says that common flags are only named.
func (p Page) help(parts []paragraph, topics []Topic, short bool) *text {
	t := &text{}
	t.line("%s %s - %s", Program, p.Name, p.Summary)
	t.examples(p.Examples)
	t.title("Usage")
	t.line("  %s", p.usage(p.Name))
	for _, alias := range p.Aliases {
		t.line("  %s", p.usage(alias))
	}
	for _, part := range parts {
		t.line("")
		t.paragraph(part)
	}
	var named []string
	for _, g := range p.Groups {
		if short && g.Common {
			for _, f := range g.Flags {
				f.Names = f.Names[:1]
				named = append(named, strings.ReplaceAll(f.Head(), " ", noBreak))
			}
			continue
		}
		t.flags(g)
	}
	if len(named) > 0 {
		t.title("More flags, which many commands have")
		t.filled(2, strings.Join(named, ", "))
	}
	t.more(p, topics, short)
	return t
}

// flags writes the flags for one purpose.
func (t *text) flags(g Flags) {
	t.title("Flags: " + g.Title)
	for _, f := range g.Flags {
		t.row(f.Head(), f.Said(), textAt)
	}
}

func (t *text) paragraph(p paragraph) {
	if !p.asIs {
		t.filled(2, strings.Join(p.lines, " "))
		return
	}
	for _, line := range p.lines {
		t.line(" %s", line)
	}
}

// more says where there is more.
func (t *text) more(p Page, topics []Topic, short bool) {
	words := []string{"more: "}
	if short {
		words = []string{fmt.Sprintf(`all of it: "%s help --all %s"`, Program, p.Name)}
	}
	words = append(words, fmt.Sprintf(`"man %s"`, nameOf(p.Name)))
	for _, topic := range topics {
		words = append(words, fmt.Sprintf(`"%s help %s" (%s)`, Program, topic.Name, topic.About))
	}
	t.line("")
	t.filled(0, strings.Replace(strings.Join(words, ", "), ": , ", ": ", 1))
}

// usage returns how a command is called by one of its names.
func (p Page) usage(name string) string {
	words := Program + " " + name
	if len(p.Groups) > 0 {
		words += " [FLAGS]"
	}
	return strings.TrimSpace(words + " " + p.Args)
}

// brief returns a description without what topics say, and those topics.
func (b Book) brief(said string) (string, []Topic) {
	var found []Topic
	for _, topic := range b.Topics {
		full := strings.TrimSpace(topic.Text)
		if strings.Contains(said, full) {
			said = strings.ReplaceAll(said, full, topic.Brief)
			found = append(found, topic)
		}
	}
	return said, found
}

// WriteProgram writes the help of the program: its commands and where there is more.
func (b Book) WriteProgram(w io.Writer, app *cli.App) error {
	t := &text{}
	t.line("%s - %s", app.Name, app.Usage)
	t.examples(b.Examples[""])
	const at = 16
	for _, s := range b.Sections {
		t.title(s.Title)
		for _, name := range s.Commands {
			if c := app.Command(name); c != nil {
				t.row(c.Name, also(c), at)
			}
		}
	}
	t.title("Help")
	t.row("help COMMAND", "a command's flags, with examples; COMMAND --help is the same", at)
	for _, topic := range b.Topics {
		t.row("help "+topic.Name, topic.About, at)
	}
	t.row("help flags", "flags that many commands have", at)
	t.row("--version", "the version", at)
	said, _ := b.brief(app.Description)
	for _, part := range paragraphs(said) {
		t.line("")
		t.filled(0, strings.Join(part.lines, " "))
	}
	_, err := io.WriteString(w, t.String())
	return err
}

// also returns what a command does, with its other names.
func also(c *cli.Command) string {
	if len(c.Aliases) == 0 {
		return c.Usage
	}
	return fmt.Sprintf("%s (also: %s)", c.Usage, strings.Join(c.Aliases, ", "))
}

// WriteFlags writes what the flags are for that many commands have.
func (b Book) WriteFlags(w io.Writer, app *cli.App) error {
	t, seen := &text{}, map[string]bool{}
	t.line("Flags that many commands have, though not all of them each.")
	for _, group := range b.Groups {
		if group.Command != "" {
			continue
		}
		g := Flags{Title: group.Title}
		for _, c := range app.Commands {
			for _, page := range b.Page(c).Groups {
				for _, f := range page.Flags {
					if page.Title == group.Title && !seen[f.Names[0]] {
						seen[f.Names[0]] = true
						g.Flags = append(g.Flags, f)
					}
				}
			}
		}
		t.flags(g)
	}
	_, err := io.WriteString(w, t.String())
	return err
}

// Write writes what is to be said of a topic.
func (t Topic) Write(w io.Writer) error {
	out := &text{}
	for i, part := range paragraphs(t.Text) {
		if i > 0 {
			out.line("")
		}
		if part.asIs {
			out.line("%s", strings.Join(part.lines, "\n"))
		} else {
			out.filled(0, strings.Join(part.lines, " "))
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}
