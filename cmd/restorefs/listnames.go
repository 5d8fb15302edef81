package main

import (
	"slices"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/wording"
)

// volumeNames returns the names of each volume by its id, the newest first, each once. backups must
// be in order of age, oldest first. Names of backups that are not listed count too.
func volumeNames(backups []*backupstore.Backup) map[string][]string {
	names := map[string][]string{}
	for _, b := range slices.Backward(backups) {
		if n := b.VolumeName(); n != "" && !slices.Contains(names[b.VolumeID], n) && len(names[b.VolumeID]) <= maxNames {
			names[b.VolumeID] = append(names[b.VolumeID], n)
		}
	}
	return names
}

// maxNames older names of a volume are shown.
const maxNames = 3

// namesText returns what follows the id of a volume.
func namesText(names []string) string {
	if len(names) == 0 {
		return ""
	}
	text := wording.Quoted(names[0])
	for i, former := range names[1:] {
		switch {
		case i == 0:
			text += ", before:"
		default:
			text += ","
		}
		text += wording.Quoted(former)
	}
	return text
}
