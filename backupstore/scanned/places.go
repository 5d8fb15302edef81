package scanned

import (
	"cmp"
	"slices"
	"strings"
)

// places finds backups of a tree by their ids.
type places struct{ all []place }

// place is which backup of the tree has an id, counted from 0 in the order of [Tree.All].
type place struct {
	id string
	at int
}

// sort prepares for calls of of.
func (p *places) sort() {
	slices.SortFunc(p.all, func(a, b place) int {
		return cmp.Or(strings.Compare(a.id, b.id), cmp.Compare(a.at, b.at))
	})
}

// of returns the first backup with an id, and whether there is one.
func (p *places) of(id string) (at int, ok bool) {
	i, ok := slices.BinarySearchFunc(p.all, id,
		func(p place, id string) int { return strings.Compare(p.id, id) })
	if !ok {
		return 0, false
	}
	return p.all[i].at, true
}
