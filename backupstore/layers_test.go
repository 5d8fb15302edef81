package backupstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// opensMetadata counts how often a _metadata is opened.
type opensMetadata struct {
	share.Share
	opened atomic.Int64
}

func (s *opensMetadata) Open(ctx context.Context, name string) (share.File, error) {
	if strings.HasSuffix(name, "_metadata") {
		s.opened.Add(1)
	}
	return s.Share.Open(ctx, name)
}

// withObjects is a share with a backup of so many objects.
func withObjects(t *testing.T, objects int) (dir string, s *opensMetadata, catalog *Catalog, b *Backup) {
	t.Helper()
	dir = t.TempDir()
	id := storetest.ID("layered")
	storetest.MustWrite(t, dir, storetest.Spec{ID: id, VolumeID: storetest.ID("v"), Content: storetest.Random(int64(objects)<<16, 3), FileSize: 64 << 10, Compression: "none"})
	opened, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	s = &opensMetadata{Share: opened}
	catalog = NewCatalog(s, Options{})
	t.Cleanup(func() { catalog.Close() })
	return dir, s, catalog, layeredBackup(t, catalog, id)
}

func layeredBackup(t *testing.T, catalog *Catalog, id string) *Backup {
	t.Helper()
	if err := catalog.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := catalog.Find(id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func objectsOf(t *testing.T, c *layerCache, s share.Share, b *Backup) (all []format.Object) {
	t.Helper()
	if err := c.each(t.Context(), s, b, func(o format.Object) error { all = append(all, o); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTheObjectsOfABackupAreReadOnce(t *testing.T) {
	_, s, _, b := withObjects(t, 5)
	c := newLayerCache()
	before := s.opened.Load()
	first := objectsOf(t, c, s, b)
	if len(first) != 5 || s.opened.Load() != before+1 {
		t.Fatalf("%d objects, _metadata opened %d times", len(first), s.opened.Load()-before)
	}
	if again := objectsOf(t, c, s, b); !slices.Equal(again, first) || s.opened.Load() != before+1 {
		t.Errorf("%v, then %v; _metadata opened %d times", first, again, s.opened.Load()-before)
	}
	if c.objects != 6 {
		t.Errorf("5 objects and their backup count as %d", c.objects)
	}
}

func TestABackupWhoseFilesChangedIsReadAnew(t *testing.T) {
	dir, s, catalog, b := withObjects(t, 3)
	c := newLayerCache()
	objectsOf(t, c, s, b)
	if err := os.RemoveAll(filepath.Join(dir, filepath.FromSlash(b.Container()))); err != nil {
		t.Fatal(err)
	}
	storetest.MustWrite(t, dir, storetest.Spec{ID: b.ID, VolumeID: b.VolumeID, Content: storetest.Random(2<<16, 4), FileSize: 64 << 10, Compression: "none"})
	after := layeredBackup(t, catalog, b.ID)
	if n := len(objectsOf(t, c, s, after)); n != 2 {
		t.Errorf("it has %d objects, as before", n)
	}
}

func TestObjectsAreKeptOnlyWhenAllOfThemWereSeen(t *testing.T) {
	_, s, _, b := withObjects(t, 4)
	bad := errors.New("bad")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		each func(format.Object) error
		of   func(*Backup)
	}{
		"the caller failed at one":         {t.Context(), func(o format.Object) error { return errorAt(o, 3, bad) }, func(*Backup) {}},
		"the context ended":                {ended, func(format.Object) error { return nil }, func(*Backup) {}},
		"the backup has a problem":         {t.Context(), func(format.Object) error { return nil }, func(b *Backup) { b.Problems = []string{"some"} }},
		"the backup has more than a share": {t.Context(), func(format.Object) error { return nil }, func(b *Backup) { b.Objects = maxLayerShare + 1 }},
		"the catalogue counted others":     {t.Context(), func(format.Object) error { return nil }, func(b *Backup) { b.Objects = 3 }},
	} {
		c := newLayerCache()
		other := *b
		test.of(&other)
		_ = c.each(test.ctx, s, &other, test.each)
		if c.objects != 0 || c.lru.Len() != 0 {
			t.Errorf("%s: %d objects are kept", name, c.objects)
		}
	}
	// Kept ones are told until the caller fails, or the context ends.
	c := newLayerCache()
	objectsOf(t, c, s, b)
	seen := 0
	if err := c.each(t.Context(), s, b, func(o format.Object) error { seen++; return errorAt(o, 2, bad) }); err != bad || seen != 2 {
		t.Errorf("%d told, %v", seen, err)
	}
	if err := c.each(ended, s, b, func(format.Object) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func errorAt(o format.Object, n uint32, err error) error {
	if o.Number == n {
		return err
	}
	return nil
}

func TestObjectsThatAreKeptAreBounded(t *testing.T) {
	_, s, _, b := withObjects(t, 10)
	c := newLayerCache()
	const each = 1000
	for n := 0; c.objects+each < maxLayerObjects; n++ { // as many as there may be
		objects := make([]format.Object, each-1)
		c.lru.Add(layerKey{fmt.Sprint(n), 0}, objects)
		c.objects += cost(objects)
	}
	full := c.lru.Len()
	for i := range 40 { // each of them 11
		other, facts := *b, *b.Facts
		facts.Listing = uint64(i + 1)
		other.Facts = &facts
		objectsOf(t, c, s, &other)
		counted := 0
		for _, objects := range c.lru.Values() {
			counted += cost(objects)
		}
		if c.objects != counted || c.objects > maxLayerObjects {
			t.Fatalf("%d objects are counted, %d are kept", c.objects, counted)
		}
	}
	if c.lru.Contains(layerKey{"0", 0}) || c.lru.Len() != full+40-1 {
		t.Errorf("%d entries: the one used last first has to make room", c.lru.Len())
	}
}

func TestManyMayAskForTheObjectsAtOnce(t *testing.T) {
	_, s, _, b := withObjects(t, 20)
	c := newLayerCache()
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			other, facts := *b, *b.Facts
			facts.Listing = uint64(i % 3)
			other.Facts = &facts
			for range 10 {
				n := 0
				err := c.each(t.Context(), s, &other, func(o format.Object) error {
					if n++; int(o.Number) != n {
						return fmt.Errorf("object %d is told as the one at %d", o.Number, n)
					}
					return nil
				})
				if err != nil || n != 20 {
					t.Errorf("%d objects, %v", n, err)
				}
			}
		})
	}
	all.Wait()
	if c.objects != 3*21 {
		t.Errorf("%d objects are counted", c.objects)
	}
}
