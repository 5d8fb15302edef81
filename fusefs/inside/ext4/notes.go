package ext4

import (
	"fmt"
	"slices"
	"sync"
)

const maxNotes = 20

// notes are what an operator should know: what was seen when the file system was opened, and since.
type notes struct {
	mu   sync.Mutex
	list []string
}

// note adds a note, once, up to a bound.
func (f *FS) note(what string, args ...any) {
	n := fmt.Sprintf(what, args...)
	f.notes.mu.Lock()
	defer f.notes.mu.Unlock()
	if len(f.notes.list) < maxNotes && !slices.Contains(f.notes.list, n) {
		f.notes.list = append(f.notes.list, n)
	}
}

// Info returns what the file system says of itself.
func (f *FS) Info() Info {
	i := f.info
	f.notes.mu.Lock()
	defer f.notes.mu.Unlock()
	i.Notes = slices.Clone(f.notes.list)
	return i
}
