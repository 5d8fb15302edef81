package manual

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

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
func (p Page) help(parts []paragraph, topics []Topic, short bool) *helpText {
	t := &helpText{}
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
		t.line("\nMORE FLAGS, WHICH MANY COMMANDS HAVE (\"%s help flags\")", Program)
		t.filled(2, strings.Join(named, ", "))
	}
	t.more(p, topics, short)
	return t
}

// more says where there is more.
func (t *helpText) more(p Page, topics []Topic, short bool) {
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

// WriteProgram writes the help of the program: its commands and where there is more.
func (b Book) WriteProgram(w io.Writer, app *cli.App) error {
	t := &helpText{}
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
	t, seen := &helpText{}, map[string]bool{}
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
	out := &helpText{}
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
