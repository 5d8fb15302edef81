package backupstore_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// Blocks that are larger than there may be memory for are no damage: what it takes is
// said. With just enough many jobs wait for each other.
func TestVerifyHasNoMoreMemoryForBlocksThanItIsGiven(t *testing.T) {
	const block = 4 << 20
	dir := t.TempDir()
	content := storetest.Text(6*block, 1)
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("backup"), VolumeID: storetest.ID("volume"), Content: content,
		Compression: "zlib", ShaBlock: block, FileSize: block})
	for name, o := range map[string]backupstore.VerifyOptions{"all of it": {Jobs: 4}, "a sample": {Jobs: 4, Sample: 0.999}} {
		t.Run(name, func(t *testing.T) {
			c := openCatalog(t, dir, backupstore.Options{DecoderBytes: block, MemoryFor: func(n int64) int64 { return 3 * n }})
			if r := verify(t, c, o, c.Backups()...)[b.ID]; !r.OK {
				t.Errorf("%+v", r)
			}
			c = openCatalog(t, dir, backupstore.Options{DecoderBytes: block - 1, MemoryFor: func(n int64) int64 { return 3 * n }})
			err := c.Verify(t.Context(), c.Backups(), o, func(r backupstore.Report) error {
				if r.OK || len(r.Damaged) > 0 {
					t.Errorf("%+v", r)
				}
				return errors.Join(r.Unread...)
			})
			if !errors.Is(err, backupstore.ErrMemory) || !strings.Contains(err.Error(), "--memory 12MiB") {
				t.Errorf("got %v", err)
			}
		})
	}
}
