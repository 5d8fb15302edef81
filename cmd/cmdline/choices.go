package cmdline

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// choices are the values of flags that have only some, by command and flag, or by flag.
var choices = map[string]string{
	"format":         "raw qcow2",
	"list --format":  "table json csv",
	"log-format":     "text json",
	"progress":       "auto json none",
	"sort":           "name time size",
	"state":          "complete broken incomplete damaged",
	"metadata-rule":  "backup cinder",
	"find --type":    "f d l p s b c",
	"backup-service": "nfs posix",
	"device-path":    "lvm nfs ceph",
	"since":          "today yesterday",
	"newer":          "today yesterday",
	"older":          "today yesterday",
}

// Choices returns what the value of a flag can be, or how it can begin, none if that is not known.
// command is its command; nil if that is not known.
func Choices(command *cli.Command, flag string) []string {
	if command != nil {
		if text, ok := choices[command.Name+" --"+flag]; ok {
			return strings.Fields(text)
		}
	}
	return strings.Fields(choices[flag])
}

// asValue returns the flag of a command that has a value of this name, as it is typed: --csv is
// meant as --format csv. "" if there is none.
func asValue(command *cli.Command, name string) string {
	for _, f := range command.Flags {
		flag := f.Names()[0]
		if slices.Contains(Choices(command, flag), name) {
			return FlagWord(flag) + " " + name
		}
	}
	return ""
}
