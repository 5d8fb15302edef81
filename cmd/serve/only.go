package serve

import (
	"errors"
	"fmt"

	"github.com/restorefs/restorefs/backupstore"
)

// Only returns a rule for [Options]: which backups a mount serves. These are the backups that are
// named, as [backupstore.Catalog.Lookup] takes names, and all present and future ones of the
// volumes, which are named as for [backupstore.Catalog.LookupVolume]; without either, all. notes
// say what should be told of how they were found.
func Only(catalog *backupstore.Catalog, backups, volumes []string) (
	rule func(*backupstore.Backup) bool, notes []string, err error) {
	if len(backups)+len(volumes) == 0 {
		return func(*backupstore.Backup) bool { return true }, nil, nil
	}
	ids, volumeIDs := map[string]bool{}, map[string]bool{}
	for _, ref := range backups {
		found, err := catalog.Lookup(ref)
		if err != nil {
			return nil, nil, orItsVolume(catalog, ref, err)
		}
		ids[found.Backup.ID] = true
		notes = append(notes, found.Notes...)
	}
	for _, ref := range volumes {
		found, err := catalog.LookupVolume(ref)
		if err != nil {
			return nil, nil, err
		}
		volumeIDs[found.ID] = true
		notes = append(notes, found.Notes...)
	}
	return func(b *backupstore.Backup) bool {
		return ids[b.ID] || volumeIDs[b.VolumeID]
	}, notes, nil
}

// orItsVolume adds to the error for a backup that is not found how to mount the volume of that
// name.
func orItsVolume(catalog *backupstore.Catalog, ref string, err error) error {
	if _, none := catalog.LookupVolume(ref); none != nil ||
		!errors.Is(err, backupstore.ErrNoBackup) && !errors.Is(err, backupstore.ErrAmbiguous) {
		return err
	}
	return fmt.Errorf("%w\n--volume %s mounts all of them", err, ref)
}
