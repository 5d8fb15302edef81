package cmdline

import (
	"strings"

	"github.com/restorefs/restorefs/cmd/wording"
)

// WantArgs refuses another number of arguments than there are names. hint, if not "", says what
// may have been meant.
func WantArgs(command string, args []string, hint string, names ...string) error {
	if len(args) == len(names) {
		return nil
	}
	wanted := "no arguments"
	if len(names) > 0 {
		wanted = strings.Join(names, " and ")
	}
	return Usagef("%s takes %s, %s given%s; see \"restorefs %s --help\"",
		command, wanted, wording.Count(len(args), "argument"), hint, command)
}
