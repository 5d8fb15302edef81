package cmdline

import "slices"

// WantsJSON says whether a command line asks for JSON, whatever else is wrong with it: a script
// must be able to read why.
func WantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	for i, word := range args {
		switch word {
		case "--json", "-json", "--json=true", "-json=true", "--format=json", "-format=json":
			return true
		case "--format", "-format":
			if i+1 < len(args) && args[i+1] == "json" {
				return true
			}
		}
	}
	return false
}
