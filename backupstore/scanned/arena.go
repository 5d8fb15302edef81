package scanned

import "strings"

// arenaBytes is how many bytes of texts are allocated at once.
const arenaBytes = 64 << 10

// arena copies texts into a few large pieces of memory: each by itself would take up to a fifth
// more. All texts of a piece live as long as one of them does.
type arena struct{ piece strings.Builder }

// text returns a copy of s.
func (a *arena) text(s string) string {
	if s == "" {
		return ""
	}
	if a.piece.Cap()-a.piece.Len() < len(s) {
		a.piece = strings.Builder{}
		a.piece.Grow(max(arenaBytes, len(s)))
	}
	from := a.piece.Len()
	a.piece.WriteString(s) // within its capacity, so that texts before stay where they are
	return a.piece.String()[from:]
}
