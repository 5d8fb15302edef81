package cmdline

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// Unfinished is a command line that somebody is typing, up to the cursor.
type Unfinished struct {
	// Command is nil as long as none is named.
	Command *cli.Command
	Args    []string          // the arguments before the last word; or what is no command
	Given   map[string]string // flags with values before it, by their first name
	// Flag is the flag whose value the last word is, nil if it is none.
	Flag cli.Flag
	// Prefix is what of the last word is before the value: "--format=", or "".
	Prefix string
	// Word is the rest of the last word.
	Word string
	// NoFlags says that "--" was before: nothing is a flag any more.
	NoFlags bool
}

// ReadUnfinished reads the words of a command line without the program's name; the last one is
// being typed, and may be empty. What is wrong in those before is passed over.
func ReadUnfinished(app *cli.App, words []string) Unfinished {
	u := Unfinished{Given: map[string]string{}}
	if len(words) == 0 {
		return u
	}
	last := len(words) - 1
	for i := 0; i < last; i++ {
		w := words[i]
		switch {
		case u.NoFlags || !isFlag(w) && u.Command != nil:
			u.Args = append(u.Args, w)
		case w == "--":
			u.NoFlags = true
		case !isFlag(w):
			if u.Command = findCommand(app, w); u.Command == nil {
				u.Args = append(u.Args, w)
				return u // of what is no command nothing is known
			}
		default:
			i += u.flag(app, w, words[i+1:])
		}
	}
	u.last(app, words[last])
	return u
}

// flag reads a flag before the last word, which is that of rest, and returns how many of rest
// belong to it.
func (u *Unfinished) flag(app *cli.App, w string, rest []string) int {
	name, value, hasValue := cutFlag(w)
	f := u.find(app, name)
	if letters := strings.Split(name, ""); f == nil && len(letters) > 1 && w[1] != '-' {
		f = u.find(app, letters[len(letters)-1]) // such as -yj
	}
	switch {
	case f == nil || KindOf(f) != ValueNeeded:
		return 0
	case hasValue:
		u.Given[f.Names()[0]] = value
		return 0
	case len(rest) == 1:
		u.Flag = f
		return 0
	}
	u.Given[f.Names()[0]] = rest[0]
	return 1
}

// last reads the word that is being typed.
func (u *Unfinished) last(app *cli.App, w string) {
	u.Word = w
	if u.Flag != nil || u.NoFlags || !isFlag(w) {
		return
	}
	name, value, hasValue := cutFlag(w)
	f := u.find(app, name)
	if hasValue && f != nil && KindOf(f) != ValueNone {
		u.Flag, u.Word = f, value
		u.Prefix = strings.TrimSuffix(w, value)
	}
}

// find returns a flag of the command, or of any as long as no command is named.
func (u *Unfinished) find(app *cli.App, name string) cli.Flag {
	if u.Command != nil {
		return findFlag(u.Command, name)
	}
	for _, c := range app.Commands {
		if f := findFlag(c, name); f != nil {
			return f
		}
	}
	return nil
}
