package serve

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest"
	"github.com/restorefs/restorefs/cache/disk"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

func smallShare(t *testing.T) (dir string, b storetest.Backup) {
	t.Helper()
	dir = t.TempDir()
	return dir, smallBackup(t, dir, "one")
}

func smallBackup(t *testing.T, share, label string) storetest.Backup {
	t.Helper()
	return storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID(label),
		VolumeID: storetest.ID(label + " volume"), Content: storetest.Text(1<<20, 7)})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for start := time.Now(); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > 30*time.Second {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// catalogOf returns a catalogue of dir, or of the share that wrap makes of it.
func catalogOf(t *testing.T, dir string, o backupstore.Options,
	wrap func(share.Share) share.Share) *backupstore.Catalog {
	t.Helper()
	opened, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	var s share.Share = opened
	if wrap != nil {
		s = wrap(s)
	}
	catalog := backupstore.NewCatalog(s, o)
	t.Cleanup(func() { catalog.Close() })
	if err := catalog.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return catalog
}

// served returns what a mount of dir would serve, without mounting it.
func served(t *testing.T, catalog *backupstore.Catalog, o Options) *Disks {
	t.Helper()
	s, err := New(t.Context(), catalog, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// servedHere is served with everything that is optional, except an overlay.
func servedHere(t *testing.T, dir string) *Disks {
	t.Helper()
	catalog := catalogOf(t, dir, backupstore.Options{IndexDir: t.TempDir()}, nil)
	return served(t, catalog, Options{CacheBytes: 4 << 20, DiskCache: t.TempDir(),
		DiskCacheBytes: disk.MinBytes, Index: true, Share: dir})
}

// flat is a volume in which every byte is the same.
type flat struct{}

func (flat) Size() int64                              { return 1 << 20 }
func (flat) Align() int                               { return 4096 }
func (flat) Around(off int64, n int) (from, to int64) { return off, off + int64(n) }
func (flat) Load(_ context.Context, p []byte, _ int64) error {
	copy(p, bytes.Repeat([]byte{1}, len(p)))
	return nil
}
func (flat) NextData(_ context.Context, off, end int64) (start, stop int64, err error) {
	return off, end, nil
}
