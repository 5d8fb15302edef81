package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/wording"
)

// maxProjects are listed.
const maxProjects = 10

// Projects says which projects have backups, if none of them is the one that was asked for; else,
// or where none was, it is "". Backups know a project by its id alone.
func Projects(all []*backupstore.Backup, asked string) string {
	count := map[string]int{}
	for _, b := range all {
		count[projectOf(b)]++
	}
	if asked == "" || count[asked] > 0 {
		return ""
	}
	delete(count, "")
	if len(count) == 0 {
		return "\nno backup tells the project of its volume"
	}
	text := "\na project is named by its id, which " +
		"\"openstack project show NAME -f value -c id\" tells; backups are of:"
	ids := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	for i, id := range ids {
		if i == maxProjects {
			return text + fmt.Sprintf("\n  and %d more", len(ids)-i)
		}
		text += fmt.Sprintf("\n  %s  %s", wording.Printable(wording.Cut(id, wording.MaxName)),
			wording.Count(count[id], "backup"))
	}
	return text
}
