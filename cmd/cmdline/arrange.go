package cmdline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/wording"
)

// Arrange puts a command line into the order that the command line library reads: program, command,
// flags, "--", arguments. Flags may stand anywhere, even before the command. All that follows the
// first "--" is an argument. A flag that needs a value takes the next word and no other one, so
// that a missing value is an error and does not swallow an argument. Ambiguous command lines are
// refused. Errors are usage errors.
func Arrange(app *cli.App, args []string) ([]string, error) {
	if len(args) < 2 {
		return args, nil
	}
	own, early, words, err := untilCommand(app, args[1:])
	if err != nil {
		return nil, err
	}
	out := append([]string{args[0]}, own...)
	if len(words) == 0 {
		if len(early) > 0 {
			return nil, Usagef("no command: %s alone does nothing; \"restorefs --help\" lists "+
				"the commands", wording.ShellWord(early[0]))
		}
		return out, nil
	}
	command := findCommand(app, words[0])
	if command == nil {
		return nil, NoCommand(app, words[0])
	}
	flags, rest, err := splitFlags(command, slices.Concat(early, words[1:]))
	if err != nil {
		return nil, err
	}
	out = append(append(out, words[0]), flags...)
	if len(rest) > 0 {
		out = append(append(out, "--"), rest...)
	}
	return out, nil
}

// untilCommand divides the words of a command line: the program's own flags, the flags of the
// command that precede it, and the rest from the command on.
func untilCommand(app *cli.App, words []string) (own, early, rest []string, err error) {
	for i := 0; i < len(words); i++ {
		w := words[i]
		if w == "--" {
			return nil, nil, nil, Usagef("\"--\" stands before the command: write it behind, " +
				"before the arguments that it is for")
		}
		if !isFlag(w) {
			return own, early, words[i:], nil
		}
		name, _, hasValue := cutFlag(w)
		if slices.Contains([]string{"help", "h", "version", "v"}, name) {
			own = append(own, w)
			continue
		}
		var takes []ValueKind // one for each command that has the flag
		for _, c := range app.Commands {
			if f := findFlag(c, name); f != nil && !slices.Contains(takes, KindOf(f)) {
				takes = append(takes, KindOf(f))
			}
		}
		switch {
		case len(takes) > 1:
			return nil, nil, nil, Usagef("%s means different things to different commands: "+
				"write it behind the command", FlagWord(name))
		case len(takes) == 0:
			return nil, nil, nil, noFlagAtAll(app, w, name)
		}
		early = append(early, w)
		if takes[0] == ValueNeeded && !hasValue {
			if i++; i == len(words) || isFlag(words[i]) {
				return nil, nil, nil, needsValue(name, words, i)
			}
			early = append(early, words[i])
		}
	}
	return own, early, nil, nil
}

// splitFlags divides the words after a command into its flags, each followed by its value, and its
// arguments.
func splitFlags(command *cli.Command, words []string) (flags, rest []string, err error) {
	for i := 0; i < len(words); i++ {
		w := words[i]
		if w == "--" {
			return flags, append(rest, words[i+1:]...), nil
		}
		if !isFlag(w) {
			rest = append(rest, w)
			continue
		}
		found, err := flagAt(command, words, i)
		if err != nil {
			return nil, nil, err
		}
		flags = append(flags, found...)
		if last := len(found) - 1; !isFlag(found[last]) { // the value is the next word
			i++
		}
	}
	return flags, rest, nil
}

// flagAt returns the flag that the word at i is, or the flags, and behind the last one the next
// word if that is its value.
func flagAt(command *cli.Command, words []string, i int) (flags []string, err error) {
	w := words[i]
	name, value, hasValue := cutFlag(w)
	if short := shortFlags(command, w); short != nil {
		if flags, err = switches(command, w, short[:len(short)-1]); err != nil {
			return nil, err
		}
		name = short[len(short)-1]
		w = "-" + name
	}
	f := findFlag(command, name)
	if f == nil {
		return nil, noFlag(command, name)
	}
	flags = append(flags, w)
	switch kind, next := KindOf(f), i+1; {
	case kind == ValueNeeded && !hasValue:
		if next == len(words) || isFlag(words[next]) {
			return nil, needsValue(name, words, next)
		}
		value, hasValue = words[next], true
		flags = append(flags, value)
	case kind == ValueOptional && !hasValue && next < len(words) && isFlagValue(f, words[next]):
		return nil, Usagef("%s %s could mean two things: write %s=%s for the value; "+
			"an argument of that name can stand behind \"--\"",
			FlagWord(name), words[next], FlagWord(name), words[next])
	}
	if hasValue {
		return flags, checkValue(f, name, value)
	}
	return flags, nil
}

// switches returns the letters of a word such as -yj, but the last, as flags of their own. Only the
// last one may take a value.
func switches(command *cli.Command, word string, letters []string) (flags []string, err error) {
	for _, f := range letters {
		if KindOf(findFlag(command, f)) == ValueNeeded {
			return nil, Usagef("%s: -%s takes a value, so write it by itself: -%s VALUE", word, f,
				f)
		}
		flags = append(flags, "-"+f)
	}
	return flags, nil
}

// shortFlags returns the letters of a word such as -yj, nil if it is not such a word.
func shortFlags(command *cli.Command, word string) []string {
	letters := word[1:]
	if len(letters) < 2 || letters[0] == '-' || findFlag(command, letters) != nil {
		return nil
	}
	var names []string
	for _, r := range letters {
		if findFlag(command, string(r)) == nil {
			return nil
		}
		names = append(names, string(r))
	}
	return names
}

// isFlag reports whether a word is meant as a flag, or is "--". "-" is a target and -1 may be a
// value; all other words that begin with "-" are flags.
func isFlag(word string) bool {
	return len(word) > 1 && word[0] == '-' && (word[1] < '0' || word[1] > '9')
}

// cutFlag parses a word: --name=value, -name=value, --name, -name.
func cutFlag(word string) (name, value string, hasValue bool) {
	name = strings.TrimPrefix(word[1:], "-")
	return strings.Cut(name, "=")
}

func findCommand(app *cli.App, name string) *cli.Command {
	for _, c := range app.Commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// findFlag finds a command's flag by any of its names.
func findFlag(command *cli.Command, name string) cli.Flag {
	if name == "help" || name == "h" {
		return cli.HelpFlag
	}
	for _, f := range command.Flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func needsValue(name string, words []string, at int) error {
	flag := FlagWord(name)
	if at < len(words) && words[at] != "--" {
		return Usagef("%s needs a value, and %s looks like another flag; if it is the value, "+
			"write %s=%s", flag, wording.ShellWord(words[at]), flag, wording.ShellWord(words[at]))
	}
	return Usagef("%s needs a value: write %s VALUE, or leave it out", flag, flag)
}

// NoCommand is the error for the name of a command that there is not, with one that is like it.
func NoCommand(app *cli.App, name string) error {
	var names []cli.Flag // as flags, because the library compares with flags
	for _, c := range app.VisibleCommands() {
		names = append(names, &cli.BoolFlag{Name: c.Name, Aliases: c.Aliases})
	}
	hint := ""
	if s := strings.TrimLeft(cli.SuggestFlag(names, name, true), "-"); alike(s, name) {
		hint = fmt.Sprintf(": did you mean %s?", s)
	}
	return Usagef("no command %q%s; \"restorefs --help\" lists them", name, hint)
}

// noFlagAtAll is the error for a flag before the command that no command has.
func noFlagAtAll(app *cli.App, word, name string) error {
	var all []cli.Flag
	for _, c := range app.VisibleCommands() {
		all = append(all, c.Flags...)
	}
	return Usagef("no command has the flag %s%s; \"restorefs --help\" lists the commands, "+
		"and \"restorefs COMMAND --help\" the flags of one", wording.ShellWord(word),
		meant(all, name))
}

// meant asks whether one of the flags was meant by a name, "" if none is like it.
func meant(flags []cli.Flag, name string) string {
	if s := cli.SuggestFlag(flags, name, false); alike(strings.TrimLeft(s, "-"), name) {
		return fmt.Sprintf(": did you mean %s?", s)
	}
	return ""
}

func noFlag(command *cli.Command, name string) error {
	hint := otherWord(command, name)
	if hint == "" {
		hint = meant(command.Flags, name)
	}
	return Usagef("%s has no flag %s%s; \"restorefs %s --help\" lists them", command.Name,
		wording.ShellWord(FlagWord(name)), hint, command.Name)
}

// alike reports whether a suggestion is close enough to be printed: it begins as what was typed,
// has most of its letters, and is not much longer.
func alike(suggested, typed string) bool {
	if suggested == "" || typed == "" || suggested[0] != typed[0] && len(typed) < len(suggested)-1 {
		return false
	}
	same := 0
	for _, r := range typed {
		if strings.ContainsRune(suggested, r) {
			same++
		}
	}
	return same*4 >= len([]rune(typed))*3 && len(suggested) <= 2*len(typed)+2
}
