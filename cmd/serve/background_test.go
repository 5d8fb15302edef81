package serve

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestDisksThatWereOpenedAreIndexedOnce(t *testing.T) {
	dir := t.TempDir()
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("large"),
		VolumeID: storetest.ID("large volume"), Content: storetest.Text(16<<20, 3)})
	gone, odd := smallBackup(t, dir, "gone"), smallBackup(t, dir, "odd")
	s := servedHere(t, dir)
	for _, id := range []string{gone.ID, odd.ID, b.ID, b.ID} {
		v, err := s.Open(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}
	// An error in one backup does not stop the others.
	if err := os.RemoveAll(gone.Dir); err != nil {
		t.Fatal(err)
	}
	open := s.indexer.open
	s.indexer.open = func(ctx context.Context, b *backupstore.Backup) (*backupstore.Volume, error) {
		if b.ID == odd.ID {
			panic("a bug")
		}
		return open(ctx, b)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.indexer.run(ctx) })
	eventually(t, "all are done", func() bool { return s.indexer.progress().VolumesDone == 3 })
	cancel()
	running.Wait()
	if p := s.indexer.progress(); p.Volumes != 3 || p.Backup != b.ID || p.BytesTotal == 0 ||
		p.BytesDone != p.BytesTotal {
		t.Errorf("%+v", p)
	}
}
