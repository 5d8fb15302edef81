package proven

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/restorefs/restorefs/backupstore"
)

// versions recognise the files of backups by what a look at the share has seen of them. No file is
// read for it, and no time of an object is in it. The ctime of _metadata is, which a copy cannot
// take with it as it takes the other times: what is proven of a share says nothing about a copy of
// it, nor the other way round. Any name of one share gives the same.
type versions map[*backupstore.Backup]string

// of returns the version of a backup's files and of those of its parents.
func (v versions) of(b *backupstore.Backup) string {
	chain := b.Chain()
	if chain == nil {
		chain = []*backupstore.Backup{b}
	}
	below := ""
	for i := len(chain) - 1; i >= 0; i-- {
		l := chain[i]
		known, ok := v[l]
		if !ok {
			h := sha256.New()
			fmt.Fprintf(h, "%s %s %q %q %d %d %d %d %d %d %d", below, l.ID, l.VolumeID, l.ParentID,
				l.CreatedAt.UnixNano(), l.StoredBytes, l.Objects, l.DataEnd, l.Metadata.Size,
				l.Metadata.Modified, l.Metadata.Changed)
			known = hex.EncodeToString(h.Sum(nil))[:versionLen]
			v[l] = known
		}
		below = known
	}
	return below
}
