package cmdline

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/wording"
)

// ValueKind says whether a flag takes a value.
type ValueKind int

const (
	ValueNone     ValueKind = iota // a switch, which may be given as --flag=true or =false
	ValueOptional                  // --salvage or --salvage=keep
	ValueNeeded
)

// ManyValued is a flag whose value is optional and one of Values.
type ManyValued interface{ Values() []string }

// KindOf returns whether a flag takes a value.
func KindOf(f cli.Flag) ValueKind {
	if _, ok := f.(ManyValued); ok {
		return ValueOptional
	}
	if d, ok := f.(cli.DocGenerationFlag); ok && d.TakesValue() {
		return ValueNeeded
	}
	return ValueNone
}

func isFlagValue(f cli.Flag, word string) bool {
	for _, v := range f.(ManyValued).Values() {
		if v == word {
			return true
		}
	}
	return false
}

// checkValue refuses a value that the flag cannot have. Every flag refuses an empty one: it comes
// from a variable that a script forgot to set, and would often mean the same as no flag, which is
// another command.
func checkValue(f cli.Flag, name, value string) error {
	flag := FlagWord(name)
	if strings.TrimSpace(value) == "" {
		return Usagef("%s has an empty value: give it one, or leave %s out", flag, flag)
	}
	wrong := func(wanted string) error {
		return Usagef("%s %s: it is %s", flag,
			wording.ShellWord(value), wanted)
	}
	switch f := f.(type) {
	case ManyValued:
		if value != "true" && !isFlagValue(f.(cli.Flag), value) {
			return wrong(strings.Join(f.Values(), " or "))
		}
	case *cli.BoolFlag:
		if _, err := strconv.ParseBool(value); err != nil {
			return wrong("a switch: leave the value out, or say true or false")
		}
	case *cli.IntFlag, *cli.Int64Flag:
		if _, err := strconv.ParseInt(value, 0, 64); err != nil {
			return wrong("a whole number")
		}
	case *cli.DurationFlag:
		if _, err := time.ParseDuration(value); err != nil {
			return wrong("a time with its unit, such as 10s, 5m or 1h30m")
		}
	case *cli.StringSliceFlag: // the library splits the value
		for _, v := range strings.Split(value, ",") {
			if strings.TrimSpace(v) == "" {
				return Usagef("%s %s: one of its values is empty", flag, wording.ShellWord(value))
			}
		}
	}
	return nil
}

// EmptyIsUnset treats empty variables of the environment that stand for a flag as not set, like the
// shell's ${NAME:-default} and the OpenStack clients. The library would replace the default by an
// empty value.
func EmptyIsUnset(app *cli.App) {
	for _, c := range app.Commands {
		for _, f := range c.Flags {
			d, ok := f.(cli.DocGenerationFlag)
			if !ok {
				continue
			}
			for _, name := range d.GetEnvVars() {
				if strings.TrimSpace(os.Getenv(name)) == "" {
					os.Unsetenv(name)
				}
			}
		}
	}
}

// FlagWord returns a flag as it is typed.
func FlagWord(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
