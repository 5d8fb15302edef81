package completion

import (
	"embed"
	"slices"
)

// shells are those for which there is a script.
var shells = []string{"bash", "zsh", "fish"}

//go:embed scripts
var scripts embed.FS

// Script returns what a shell is to read so that it completes restorefs; false for one that is not
// known.
func Script(shell string) ([]byte, bool) {
	if !slices.Contains(shells, shell) {
		return nil, false
	}
	text, err := scripts.ReadFile("scripts/restorefs." + shell)
	return text, err == nil
}
