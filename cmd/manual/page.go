package manual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
)

// Page returns the page of a command.
func (b Book) Page(c *cli.Command) Page {
	return Page{
		Name: c.Name, Aliases: c.Aliases, Summary: c.Usage, Args: c.ArgsUsage,
		Text: strings.TrimSpace(c.Description), Examples: b.Examples[c.Name],
		Groups: b.groups(c),
	}
}

// GroupOf returns the place of a command's flag in b.Groups, -1 for none. What is said for the one
// command goes before what is said for each.
func (b Book) GroupOf(command, flag string) int {
	for _, of := range []string{command, ""} {
		has := func(g Group) bool { return g.Command == of && slices.Contains(g.Flags, flag) }
		if i := slices.IndexFunc(b.Groups, has); i >= 0 {
			return i
		}
	}
	return -1
}

// groups returns the flags of a command by their purpose. Those without a group are the last.
func (b Book) groups(c *cli.Command) (out []Flags) {
	byGroup := make([][]Flag, len(b.Groups)+1)
	for _, f := range c.Flags {
		i := b.GroupOf(c.Name, f.Names()[0])
		if i < 0 {
			i = len(b.Groups)
		}
		byGroup[i] = append(byGroup[i], newFlag(f))
	}
	for i, flags := range byGroup {
		g := Flags{Title: "more", Flags: flags}
		if i < len(b.Groups) {
			g.Title, g.Common = b.Groups[i].Title, b.Groups[i].Command == ""
			place := func(f Flag) int { return slices.Index(b.Groups[i].Flags, f.Names[0]) }
			slices.SortStableFunc(flags, func(x, y Flag) int { return place(x) - place(y) })
		}
		if len(flags) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// newFlag returns what is known of a flag of the library.
func newFlag(f cli.Flag) Flag {
	out := Flag{Names: slices.Clone(f.Names())}
	doc, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return out
	}
	out.Env = doc.GetEnvVars()
	out.Value, out.Text = placeholder(doc.GetUsage())
	switch cmdline.KindOf(f) {
	case cmdline.ValueNone:
		out.Value = ""
	case cmdline.ValueOptional:
		out.Value, out.Optional = strings.Join(f.(cmdline.ManyValued).Values(), "|"), true
	case cmdline.ValueNeeded:
		if text := doc.GetDefaultText(); !slices.Contains([]string{"", "0", "0s"}, text) {
			out.Default = minutes.Replace(strings.Trim(text, `"`))
		}
	}
	return out
}

// minutes shortens how the library writes whole minutes.
var minutes = strings.NewReplacer("m0s", "m")

// placeholder returns the word in backquotes, VALUE if there is none, and the text without these.
func placeholder(usage string) (word, text string) {
	before, rest, ok := strings.Cut(usage, "`")
	word, after, closed := strings.Cut(rest, "`")
	if !ok || !closed {
		return "VALUE", usage
	}
	return word, before + word + after
}

// names returns the names of a flag as they are typed, short ones first.
func (f Flag) names() string {
	names := make([]string, len(f.Names))
	for i, name := range f.Names {
		names[len(names)-1-i] = cmdline.FlagWord(name)
	}
	return strings.Join(names, ", ")
}

// Head returns a flag as it is typed.
func (f Flag) Head() string {
	head := f.names()
	switch {
	case f.Optional:
		return fmt.Sprintf("%s[=%s]", head, f.Value)
	case f.Value != "":
		return head + " " + f.Value
	}
	return head
}

// Said returns what is said of a flag: its text, default and variables.
func (f Flag) Said() string {
	text := f.Text
	if f.Default != "" {
		text += fmt.Sprintf(" (default: %s)", f.Default)
	}
	for _, name := range f.Env {
		text += " [$" + name + "]"
	}
	return text
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

// nameOf returns the name of a command's page.
func nameOf(command string) string { return Program + "-" + command }
