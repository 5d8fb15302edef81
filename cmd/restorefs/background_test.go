package main

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestDisksThatWereOpenedAreIndexedOnce(t *testing.T) {
	dir := t.TempDir()
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("large"), VolumeID: storetest.ID("large volume"), Content: storetest.Text(16<<20, 3)})
	gone := smallBackup(t, dir, "gone")
	s := mountedHere(t, dir)
	for _, id := range []string{gone.ID, b.ID, b.ID} {
		v, err := s.Open(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := os.RemoveAll(gone.Dir); err != nil { // before its turn; the others are not stopped
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.indexer.run(ctx) })
	eventually(t, "all are done", func() bool { return s.indexer.progress().VolumesDone == 2 })
	cancel()
	running.Wait()
	if p := s.indexer.progress(); p.Volumes != 2 || p.Backup != b.ID || p.BytesTotal == 0 || p.BytesDone != p.BytesTotal {
		t.Errorf("%+v", p)
	}
}
