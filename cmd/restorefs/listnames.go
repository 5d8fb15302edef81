package main

import (
	"slices"

	"github.com/restorefs/restorefs/backupstore"
)

// volumeNames are the names that each volume had, by its id: the newest first,
// each once. Backups come oldest first. A volume has a name if any of its backups
// has one, also one that is not listed.
func volumeNames(backups []*backupstore.Backup) map[string][]string {
	names := map[string][]string{}
	for _, b := range slices.Backward(backups) {
		if n := b.VolumeName(); n != "" && !slices.Contains(names[b.VolumeID], n) && len(names[b.VolumeID]) <= maxNames {
			names[b.VolumeID] = append(names[b.VolumeID], n)
		}
	}
	return names
}

// maxNames of a volume are shown, besides its newest.
const maxNames = 3

// namesText is what stands behind the id of a volume.
func namesText(names []string) string {
	if len(names) == 0 {
		return ""
	}
	text := quoted(names[0])
	for i, former := range names[1:] {
		switch {
		case i == 0:
			text += ", before:"
		default:
			text += ","
		}
		text += quoted(former)
	}
	return text
}
