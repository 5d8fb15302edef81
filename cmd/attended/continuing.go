package attended

import (
	"slices"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/wording"
)

// continuing returns the command that continues a materialize that ended early: with the flags that
// were given except those in drop, and with more at the end. marked says that the target has a
// marker of the run; without one the command needs --delta and --force.
func (o Options) continuing(g cmdline.Given, marked bool, drop []string, more ...string) string {
	words := []string{"restorefs", o.Command}
	for _, f := range g {
		if f.Name != "dry-run" && !slices.Contains(drop, f.Name) {
			words = append(words, f.Words...)
		}
	}
	for _, name := range []string{"delta", "force"} {
		if !marked && len(g.Only(name)) == 0 {
			words = append(words, "--"+name)
		}
	}
	return wording.ShellCommand(append(words, more...))
}
