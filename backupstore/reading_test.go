package backupstore_test

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// countingShare counts what is read of each file.
type countingShare struct {
	share.Share
	mu    sync.Mutex
	read  map[string]int64 // bytes
	calls map[string]int
}

func (s *countingShare) Open(ctx context.Context, name string) (share.File, error) {
	f, err := s.Share.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return &countingFile{f, s, name}, nil
}

type countingFile struct {
	share.File
	of   *countingShare
	name string
}

func (f *countingFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(ctx, p, off)
	f.of.mu.Lock()
	f.of.read[f.name] += int64(n)
	f.of.calls[f.name]++
	f.of.mu.Unlock()
	return n, err
}

// counted opens a backup through a share that counts.
func counted(t *testing.T, dir, id string) (*backupstore.Volume, *countingShare) {
	t.Helper()
	s, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	counting := &countingShare{Share: s, read: map[string]int64{}, calls: map[string]int{}}
	c := backupstore.NewCatalog(counting, backupstore.Options{NoIndexBuild: true})
	t.Cleanup(func() { c.Close() })
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return open(t, c, id), counting
}

// dataOf gives the volume's data within limit bytes.
func dataOf(t *testing.T, v *backupstore.Volume, limit int64) iter.Seq2[backupstore.Range, error] {
	return func(yield func(backupstore.Range, error) bool) {
		for off := int64(0); off < limit; {
			start, stop, err := v.NextData(t.Context(), off, limit)
			if start == stop && err == nil || !yield(backupstore.Range{Off: start, Len: stop - start}, err) {
				return
			}
			off = stop
		}
	}
}

// layersOf makes a full backup and an increment that covers the third of its
// objects, half of the second, and makes the fourth zero.
func layersOf(t *testing.T, dir, compression string) (full, top storetest.Backup) {
	t.Helper()
	const object = 1 << 20
	old := storetest.Text(6*object, 1)
	now := storetest.Overlay(storetest.Overlay(old, storetest.Text(6*object, 2), storetest.Extent{Offset: object * 3 / 2, Length: object * 3 / 2}),
		storetest.Zeros(6*object), storetest.Extent{Offset: 3 * object, Length: object})
	full = storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("under"), VolumeID: storetest.ID("layers"), Content: old, FileSize: object, Compression: compression})
	top = storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("top"), VolumeID: storetest.ID("layers"), ParentID: full.ID, Parent: old, Content: now, FileSize: object, Compression: compression})
	return full, top
}

func TestThePlanOfAReadingIsWhatIsRead(t *testing.T) {
	for _, compression := range []string{"none", "zlib", "zstd"} {
		for _, digests := range []bool{true, false} {
			t.Run(compression, func(t *testing.T) {
				dir := t.TempDir()
				_, top := layersOf(t, dir, compression)
				if !digests {
					if err := os.Remove(top.Path("_sha256file")); err != nil {
						t.Fatal(err)
					}
				}
				v, counting := counted(t, dir, top.ID)
				plan, err := v.Reading(t.Context(), dataOf(t, v, v.Size()))
				if err != nil || len(plan.Missing) > 0 {
					t.Fatalf("%+v, %v", plan, err)
				}
				for name := range counting.read {
					if strings.Contains(name, "-0000") {
						t.Errorf("the plan has read %s", name)
					}
				}
				for r, err := range dataOf(t, v, v.Size()) {
					if err == nil {
						err = v.ReadAt(t.Context(), make([]byte, r.Len), r.Off)
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				objects, bytes := 0, int64(0)
				for name, n := range counting.read {
					if strings.Contains(name, "-0000") {
						objects, bytes = objects+1, bytes+n
					}
				}
				// A decoder reads ahead of what it decodes.
				if spare := bytes - plan.StoredBytes; plan.Objects != objects || spare < -10 || spare > bytes/4 || compression == "none" && spare != 0 {
					t.Errorf("%d objects and %d bytes are read, planned: %+v", objects, bytes, plan)
				}
				if digests && (plan.Objects != 6 || v.HasDigests() != digests) {
					t.Errorf("%+v", plan)
				}
				if compression == "none" && plan.DecodedBytes != 0 || compression != "none" && digests && plan.DecodedBytes != 5<<20 {
					t.Errorf("%+v", plan)
				}
			})
		}
	}
}

func TestOnlyWhatIsNeededIsMissing(t *testing.T) {
	dir := t.TempDir()
	full, top := layersOf(t, dir, "none")
	for _, suffix := range []string{"-00001", "-00003", "-00004"} { // the last two are covered
		if err := os.Remove(full.Path(suffix)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(full.Path("-00002"), 600_000); err != nil { // of which the first half is needed
		t.Fatal(err)
	}
	if err := os.Truncate(full.Path("-00006"), 600_000); err != nil {
		t.Fatal(err)
	}
	v, _ := counted(t, dir, top.ID)
	plan, err := v.Reading(t.Context(), dataOf(t, v, v.Size()))
	if err != nil || len(plan.Missing) != 2 {
		t.Fatalf("%+v, %v", plan, err)
	}
	for i, want := range []struct {
		suffix        string
		offset, bytes int64
	}{{"-00001", 0, 1 << 20}, {"-00006", 5<<20 + 600_000, 1<<20 - 600_000}} {
		if m := plan.Missing[i]; m.Backup != full.ID || filepath.Base(m.Object) != filepath.Base(full.Path(want.suffix)) || m.Offset != want.offset || m.Bytes != want.bytes {
			t.Errorf("%+v, want %+v", m, want)
		}
	}
}
