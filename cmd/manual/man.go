package manual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// File returns the name of the page's file, below the directory of all pages.
func (s Sheet) File() string { return fmt.Sprintf("man%d/%s.%d", s.Section, s.Name, s.Section) }

// Sheets returns all manual pages: of the program, of each command that is not hidden, and those
// about other things.
func (b Book) Sheets(app *cli.App) []Sheet {
	sheets := []Sheet{b.programSheet(app)}
	for _, c := range app.Commands {
		if !c.Hidden {
			sheets = append(sheets, b.commandSheet(c))
		}
	}
	return append(sheets, b.otherSheets(app)...)
}

func (b Book) commandSheet(c *cli.Command) Sheet {
	p, r := b.Page(c), &roff{}
	r.head(nameOf(p.Name), 1, b.Version, b.Date, p.Summary)
	r.section("Synopsis")
	for i, name := range append([]string{p.Name}, p.Aliases...) {
		if i > 0 {
			r.raw(".br")
		}
		r.raw("%s %s", bold(Program+" "+name),
			escaped(strings.TrimPrefix(p.usage(name), Program+" "+name+" ")))
	}
	r.examples(p.Examples)
	said, topics := b.apart(p.Text)
	if strings.TrimSpace(said) != "" {
		r.section("Description")
		r.text(said)
	}
	if len(p.Groups) > 0 {
		r.section("Options")
		r.filled("Flags may stand before or behind the arguments. \"--\" ends them.")
	}
	var env []Flag
	for _, g := range p.Groups {
		r.subsection(g.Title)
		for _, f := range g.Flags {
			r.flag(f)
			if len(f.Env) > 0 {
				env = append(env, f)
			}
		}
	}
	r.topics(topics)
	r.environment(env)
	r.references([]string{Program + "(1)", Program + "-share(7)"})
	return Sheet{nameOf(p.Name), 1, r.String()}
}

// apart returns a description without what topics say, and those topics.
func (b Book) apart(said string) (string, []Topic) {
	b.Topics = slices.Clone(b.Topics)
	for i := range b.Topics {
		b.Topics[i].Brief = ""
	}
	return b.brief(said)
}

// topics writes a section for each topic.
func (r *roff) topics(list []Topic) {
	for _, topic := range list {
		title := strings.ToUpper(topic.Title)
		r.section(title)
		r.text(strings.TrimPrefix(strings.TrimSpace(topic.Text), title+": "))
	}
}

// environment says which variables stand for flags.
func (r *roff) environment(flags []Flag) {
	if len(flags) == 0 {
		return
	}
	r.section("Environment")
	for _, f := range flags {
		for _, name := range f.Env {
			r.item(bold(name), fmt.Sprintf("stands for --%s where that is not given; "+
				"empty counts as not set", f.Names[0]))
		}
	}
}

func (b Book) programSheet(app *cli.App) Sheet {
	r := &roff{}
	r.head(app.Name, 1, b.Version, b.Date, app.Usage)
	r.section("Synopsis")
	r.raw("%s %s", bold(app.Name), escaped("COMMAND [FLAGS] [ARGUMENTS]"))
	r.raw(".br\n%s %s", bold(app.Name+" help"), escaped("[COMMAND|TOPIC]"))
	r.raw(".br\n%s", bold(app.Name+" --version"))
	r.examples(b.Examples[""])
	said, _ := b.apart(app.Description)
	r.section("Description")
	r.text(said)
	r.section("Commands")
	see := []string{Program + "-share(7)", "mount.fuse." + Program + "(8)"}
	for _, s := range b.Sections {
		r.subsection(s.Title)
		for _, name := range s.Commands {
			if c := app.Command(name); c != nil && !c.Hidden {
				r.item(bold(nameOf(c.Name))+"(1)", c.Usage)
				see = append(see, nameOf(c.Name)+"(1)")
			}
		}
	}
	r.topics(b.Topics)
	r.references(see)
	return Sheet{app.Name, 1, r.String()}
}
