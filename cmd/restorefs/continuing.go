package main

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/wording"
)

// givenFlag is a flag as it can be repeated in another command.
type givenFlag struct {
	name  string
	words []string
}

// givenFlags are the flags of a command line, in the order of --help.
type givenFlags []givenFlag

// givenFlagsOf reads the flags of a command line.
func givenFlagsOf(c *cli.Context) (given givenFlags) {
	for _, f := range c.Command.Flags {
		name := f.Names()[0]
		if !c.IsSet(name) {
			continue
		}
		var words []string
		switch f.(type) {
		case *cli.BoolFlag:
			if c.Bool(name) {
				words = []string{"--" + name}
			}
		case salvageFlag:
			words = []string{"--" + name + "=" + fmt.Sprint(c.Generic(name))}
		default:
			words = []string{"--" + name, fmt.Sprint(c.Value(name))}
		}
		given = append(given, givenFlag{name, words})
	}
	return given
}

// at returns the flags with the share at the place where it was found, which also stands there if
// it was not given.
func (g givenFlags) at(s *locate.Share) givenFlags {
	rest := slices.DeleteFunc(slices.Clone(g), func(f givenFlag) bool { return f.name == "share" })
	return slices.Insert(rest, 0, givenFlag{"share", []string{"--share", s.Place()}})
}

// has reports whether a flag was given, on the command line or by the environment.
func (g givenFlags) has(name string) bool {
	return slices.ContainsFunc(g, func(f givenFlag) bool { return f.name == name })
}

// only returns the words of those of the named flags that were given.
func (g givenFlags) only(names ...string) (words []string) {
	for _, name := range names {
		if i := slices.IndexFunc(g, func(f givenFlag) bool { return f.name == name }); i >= 0 {
			words = append(words, g[i].words...)
		}
	}
	return words
}

// continuing returns the command that continues a materialize that ended early: with the flags that
// were given except those in drop, and with more at the end. noted says that the target has a note
// of the run; without one the command needs --delta and --force.
func (g givenFlags) continuing(noted bool, drop []string, more ...string) string {
	words := []string{"restorefs", "materialize"}
	for _, f := range g {
		if f.name != "dry-run" && !slices.Contains(drop, f.name) {
			words = append(words, f.words...)
		}
	}
	for _, name := range []string{"delta", "force"} {
		if !noted && len(g.only(name)) == 0 {
			words = append(words, "--"+name)
		}
	}
	return wording.ShellCommand(append(words, more...))
}
