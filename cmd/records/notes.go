package records

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/wording"
)

// PrintNotes prints what an operator should know about the records and the records cannot tell
// Cinder.
func PrintNotes(w io.Writer, chosen []backupstore.Importable) {
	var encrypted, bare, below, incremental int
	before, projects := map[string]int{}, map[string]int{}
	var gib int64
	for _, b := range chosen {
		gib += b.SizeGiB()
		projects[cloud.ProjectOf(b.Backup)]++
		dir, inside := b.Misplaced()
		if dir != "" {
			before[dir]++
		}
		if inside {
			below++
		}
		if b.VolumeMeta != nil && b.VolumeMeta.Base.EncryptionKeyID != nil {
			encrypted++
		}
		if !b.HasDigests {
			bare++
		}
		if b.Incremental() {
			incremental++
		}
	}
	fmt.Fprintf(w, "%s, %d GiB of the quota of backups\n",
		wording.Count(len(chosen), "record"), gib)
	printProjects(w, projects)
	printMisplaced(w, before, below)
	if encrypted > 0 {
		fmt.Fprintf(w,
			"%d are of encrypted volumes. The share does not tell their own copy of the key: "+
				"Cinder will restore them with the volume's key, "+
				"as long as that exists. Once such a backup was restored, deleting it deletes "+
				"that key: do not while the volume is needed\n",
			encrypted)
	}
	if incremental > 0 {
		fmt.Fprintf(w,
			"of these %d are incremental. Cinder 23.0.0 (2023.2) to 28 restores such a backup "+
				"into "+
				"a new "+
				"volume without "+
				"the zeros that came after the full one, and old data is in their place: "+
				"restore with restorefs "+
				"or onto an existing volume there\n",
			incremental)
	}
	if bare > 0 {
		fmt.Fprintf(w,
			"%d have no _sha256file: Cinder can restore them, but make no incremental backup on "+
				"top of them\n",
			bare)
	}
}

// printProjects says of which projects the records are, and how many of each, if of several.
func printProjects(w io.Writer, projects map[string]int) {
	if len(projects) <= 1 {
		return
	}
	fmt.Fprintf(w,
		"they are of %d projects, and the caller's project gets all; import those of each "+
			"one with its credentials and --project:\n",
		len(projects))
	for _, p := range slices.Sorted(maps.Keys(projects)) {
		fmt.Fprintf(w, "  %s  %d\n", wording.Printable(wording.Cut(cmp.Or(p, "(not known)"),
			wording.MaxName)), projects[p])
	}
}

// printMisplaced says which records lie where Cinder would not have put them: before, by the
// directory above them, and below.
func printMisplaced(w io.Writer, before map[string]int, below int) {
	for _, dir := range slices.Sorted(maps.Keys(before)) {
		fmt.Fprintf(w,
			"%d of them lie in %s/ where Cinder would not have put them: if its backup_share "+
				"ends with that directory, give that as --share\n",
			before[dir], wording.Printable(dir))
	}
	if below > 0 {
		fmt.Fprintf(w,
			"%d of them lie where Cinder would not have put them, as if --share were a directory "+
				"below its backup_share: give that itself\n",
			below)
	}
}
