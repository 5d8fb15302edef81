package xfs

import (
	"fmt"
	"slices"
)

const maxNotes = 20

// note adds what an operator should know, once, up to a bound.
func (f *FS) note(what string, args ...any) {
	n := fmt.Sprintf(what, args...)
	if len(f.info.Notes) < maxNotes && !slices.Contains(f.info.Notes, n) {
		f.info.Notes = append(f.info.Notes, n)
	}
}
