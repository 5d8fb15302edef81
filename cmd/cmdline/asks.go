package cmdline

import (
	"slices"

	"github.com/urfave/cli/v2"
)

// AsksHelp reports whether a command line that was arranged asks for help, and of which command; ""
// is the program. A line without a command asks for that.
func AsksHelp(args []string) (command string, asks bool) {
	asks = len(args) == 1
	for _, word := range args[1:] {
		switch {
		case word == "--":
			return command, asks
		case !isFlag(word) && command == "" && !asks:
			command = word
		case !isFlag(word) && command == "":
			return word, true
		case isFlag(word) && slices.Contains(cli.HelpFlag.Names(), nameOf(word)):
			asks = true
		}
	}
	return command, asks
}

// nameOf returns the name of the flag that a word is.
func nameOf(word string) string {
	name, _, _ := cutFlag(word)
	return name
}
