package report

import (
	"unicode/utf8"

	"github.com/restorefs/restorefs/backupstore"
)

// rows gives the lines of the table: the backups in their order, or below their parents. What it
// holds is no more than one volume's.
func (l Listing) rows(each func(row) bool) {
	if !l.Graph {
		for _, b := range l.Backups {
			if !each(row{volume: b.VolumeID, backup: b}) {
				return
			}
		}
		return
	}
	for start, end := 0, 0; start < len(l.Backups); start = end {
		for end < len(l.Backups) && l.Backups[end].VolumeID == l.Backups[start].VolumeID {
			end++
		}
		for _, r := range chains(l.Backups[start:end]) {
			if !each(r) {
				return
			}
		}
	}
}

// graph draws the chains of a volume: each backup below its parent. ● is a full backup, ↓ one on
// the backup above it in the same column. Of several that are on one parent, all but the last
// branch off (├─→), with what is on them, so that a chain goes straight down however long it is.
type graph struct {
	children map[string][]*backupstore.Backup // by the id of the parent
	todo     map[*backupstore.Backup]bool     // not drawn yet
	out      []row
}

// chains draws the backups of a volume.
func chains(backups []*backupstore.Backup) []row {
	g := graph{
		children: map[string][]*backupstore.Backup{}, todo: map[*backupstore.Backup]bool{},
	}
	listed := map[string]bool{}
	for _, b := range backups {
		g.todo[b], listed[b.ID] = true, true
		g.children[b.ParentID] = append(g.children[b.ParentID], b)
	}
	wholes := g.children[""]
	delete(g.children, "")
	for _, b := range wholes {
		g.chain(b, "", full)
	}
	for _, b := range backups {
		if listed[b.ParentID] || !g.todo[b] {
			continue
		}
		why := "not on the share"
		if b.Parent() != nil {
			why = "not listed"
		}
		g.out = append(g.out, row{
			volume: b.VolumeID, tree: "○ ", missing: b.ParentID, why: why,
		})
		g.below(b.ParentID, "")
	}
	for _, b := range backups { // parents that lead back to themselves: only a forged share has any
		if g.todo[b] {
			g.chain(b, "", full)
		}
	}
	return g.out
}

// What is drawn before a backup.
const (
	full   = "● "
	above  = "↓ "   // it is on the one above it
	branch = "├─→ " // it is on the one to the left and above
	aside  = "│ "   // before what is on a branch
)

// chain draws a backup that begins a line of the tree, behind first, and what is on it. indent
// stands before what goes on below it.
func (g *graph) chain(b *backupstore.Backup, indent, first string) {
	g.todo[b] = false
	g.out = append(g.out, row{volume: b.VolumeID, tree: first, backup: b})
	g.below(b.ID, indent)
}

// maxIndent bounds how far a tree is indented.
const maxIndent = 20

// below draws what is on a parent, whose line of the tree is so indented.
func (g *graph) below(parent, indent string) {
	for children := g.children[parent]; len(children) > 0; children = g.children[parent] {
		last := children[len(children)-1]
		for _, b := range children[:len(children)-1] {
			switch deeper := indent + aside; {
			case !g.todo[b]:
			case utf8.RuneCountInString(indent) < 2*maxIndent:
				g.chain(b, deeper, indent+branch)
			default: // as far to the right as it may be
				g.chain(b, indent, indent+branch)
			}
		}
		if !g.todo[last] {
			return
		}
		g.todo[last] = false
		g.out = append(g.out, row{volume: last.VolumeID, tree: indent + above, backup: last})
		parent = last.ID
	}
}
