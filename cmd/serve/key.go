package serve

import "github.com/restorefs/restorefs/backupstore"

// diskKey identifies a disk as the mounted tree does: when another backup gets the same id, the
// open volume of the earlier one is not shared.
type diskKey struct {
	id            string
	size, created int64
}

func keyOf(b *backupstore.Backup) diskKey { return diskKey{b.ID, b.Size, b.CreatedAt.UnixNano()} }
