package serve

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/backupstore"
)

// Only returns a rule for [Options]: which backups a mount serves. These are the backups that are
// named, as [backupstore.Catalog.Find] takes names, and all present and future ones of the volumes,
// which are named by their ids or the start of them; without either, all.
func Only(catalog *backupstore.Catalog, backups, volumes []string) (func(*backupstore.Backup) bool, error) {
	if len(backups)+len(volumes) == 0 {
		return func(*backupstore.Backup) bool { return true }, nil
	}
	ids, volumeIDs := map[string]bool{}, map[string]bool{}
	for _, ref := range backups {
		b, err := catalog.Find(ref)
		if err != nil {
			if errors.Is(err, backupstore.ErrNoBackup) && len(ref) >= 4 && len(volumesLike(catalog, ref)) > 0 {
				err = fmt.Errorf("%w; --volume %s mounts all of them", err, ref)
			}
			return nil, err
		}
		ids[b.ID] = true
	}
	for _, ref := range volumes {
		like := volumesLike(catalog, ref)
		switch {
		case len(like) == 0:
			return nil, fmt.Errorf("%w of volume %s on %s", backupstore.ErrNoBackup, ref, catalog)
		case len(like) > 1:
			return nil, fmt.Errorf("%w: volume %s could be %s; give more characters of it", backupstore.ErrAmbiguous, ref, strings.Join(like[:2], " or "))
		}
		volumeIDs[like[0]] = true
	}
	return func(b *backupstore.Backup) bool { return ids[b.ID] || volumeIDs[b.VolumeID] }, nil
}

// volumesLike returns the ids of volumes that begin with start.
func volumesLike(catalog *backupstore.Catalog, start string) (ids []string) {
	for _, b := range catalog.Backups() { // volume by volume
		if strings.HasPrefix(b.VolumeID, strings.ToLower(start)) && !slices.Contains(ids, b.VolumeID) {
			ids = append(ids, b.VolumeID)
		}
	}
	return ids
}
