package reading

import (
	"fmt"
	"slices"
	"sync"
)

// maxNotes bounds the notes of one file system.
const maxNotes = 20

// Notes are what an operator should know: what was seen when a file system was opened, and since.
type Notes struct {
	mu   sync.Mutex
	list []string
}

// Add adds a note, once, up to a bound.
func (n *Notes) Add(what string, args ...any) {
	text := fmt.Sprintf(what, args...)
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.list) < maxNotes && !slices.Contains(n.list, text) {
		n.list = append(n.list, text)
	}
}

// Set forgets all notes but those of list, which may be nil.
func (n *Notes) Set(list []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = slices.Clone(list)
}

// List returns the notes.
func (n *Notes) List() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.list)
}
