package backupstore_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// indexable writes a backup of six objects, of which five have an index.
func indexable(t *testing.T) (dir string, b storetest.Backup, content storetest.Content) {
	t.Helper()
	dir = t.TempDir()
	content = storetest.Disk(22<<20, 5)
	b = storetest.MustWrite(t, dir, storetest.Spec{
		ID: storetest.ID("index"), VolumeID: storetest.ID("v"), Content: content, FileSize: 4 << 20,
		CompressionOf: func(n int) string { return []string{"zlib", "zstd", "none"}[n%3] },
		Volume:        storetest.Volume{},
	})
	return dir, b, content
}

// progress notes what an IndexOptions.Progress is told.
type progress struct {
	t           *testing.T
	done, total int64
	calls       int
}

func (p *progress) report(done, total int64) {
	if done < p.done || done > total || p.calls > 0 && total != p.total {
		p.t.Errorf("progress went from %d/%d to %d/%d", p.done, p.total, done, total)
	}
	p.done, p.total = done, total
	p.calls++
}

func indexFiles(t *testing.T, dir string) (complete, partial int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || e.IsDir():
		case strings.HasSuffix(path, ".partial"):
			partial++
		default:
			complete++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return complete, partial
}

func TestAnIndexIsBuiltForEveryObjectThatHasOne(t *testing.T) {
	dir, b, content := indexable(t)
	for _, c := range []struct {
		name  string
		yield func(context.Context) error
	}{
		{"several objects at a time", nil},
		{"one at a time, giving way", func(context.Context) error { return nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := t.TempDir()
			v := open(t, openCatalog(t, dir, backupstore.Options{IndexDir: store}), b.ID)
			p := progress{t: t}
			yields := 0
			o := backupstore.IndexOptions{Progress: p.report}
			if c.yield != nil {
				o.Yield = func(ctx context.Context) error { yields++; return c.yield(ctx) }
			}
			if err := v.BuildIndex(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			want := int64(0)
			objects := 0
			for _, o := range b.Objects {
				if o.Compression != "none" && o.Length >= 1<<20 {
					want += o.Length
					objects++
				}
			}
			if objects < 3 {
				t.Fatalf("only %d objects are compressed", objects)
			}
			if p.done != want || p.total != want {
				t.Errorf("progress ended at %d of %d, want %d", p.done, p.total, want)
			}
			if complete, partial := indexFiles(t, store); complete != objects || partial != 0 {
				t.Errorf("%d complete indexes and %d partial ones, want %d", complete, partial, objects)
			}
			if c.yield != nil && yields < objects {
				t.Errorf("gave way %d times", yields)
			}
			got, all := make([]byte, content.Size()), make([]byte, content.Size())
			if _, err := content.ReadAt(all, 0); err != nil {
				t.Fatal(err)
			}
			if err := v.ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, all) {
				t.Errorf("read with indexes: %v", err)
			}
			// Again, there is nothing to do.
			p = progress{t: t}
			if err := v.BuildIndex(t.Context(), o); err != nil || p.done != want {
				t.Errorf("second time: %d of %d, %v", p.done, want, err)
			}
		})
	}
}

func TestDamagedObjectsDoNotKeepOthersFromBeingIndexed(t *testing.T) {
	dir, b, _ := indexable(t)
	var compressed []string
	for i, o := range b.Objects {
		if o.Compression != "none" && o.Length >= 1<<20 {
			compressed = append(compressed, filepath.Join(b.Dir, b.Objects[i].Name))
		}
	}
	if err := os.Truncate(compressed[0], 1000); err != nil {
		t.Fatal(err)
	}
	store := t.TempDir()
	c := openCatalog(t, dir, backupstore.Options{IndexDir: store})
	v := open(t, c, b.ID)
	if err := os.Remove(compressed[1]); err != nil {
		t.Fatal(err)
	}
	p := progress{t: t}
	err := v.BuildIndex(t.Context(), backupstore.IndexOptions{Progress: p.report})
	if !errors.Is(err, backupstore.ErrDamaged) {
		t.Fatalf("got %v", err)
	}
	for _, path := range compressed[:2] {
		if !strings.Contains(err.Error(), filepath.Base(path)) {
			t.Errorf("%q does not name %s", err, path)
		}
	}
	if p.done != p.total {
		t.Errorf("progress ended at %d of %d", p.done, p.total)
	}
	if complete, _ := indexFiles(t, store); complete != len(compressed)-2 {
		t.Errorf("%d complete indexes, want %d", complete, len(compressed)-2)
	}
}

func TestIndexingEndsWhenItIsTold(t *testing.T) {
	dir, b, _ := indexable(t)
	stop := errors.New("stop")
	for _, c := range []struct {
		name string
		want error
		run  func(*backupstore.Volume) error
	}{
		{"by its context", context.Canceled, func(v *backupstore.Volume) error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			return v.BuildIndex(ctx, backupstore.IndexOptions{Progress: func(int64, int64) { cancel() }})
		}},
		{"by who makes it give way", stop, func(v *backupstore.Volume) error {
			n := 0
			return v.BuildIndex(t.Context(), backupstore.IndexOptions{Yield: func(context.Context) error {
				if n++; n > 2 {
					return stop
				}
				return nil
			}})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := open(t, openCatalog(t, dir, backupstore.Options{IndexDir: t.TempDir()}), b.ID)
			if err := c.run(v); !errors.Is(err, c.want) || errors.Is(err, backupstore.ErrDamaged) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err := v.BuildIndex(t.Context(), backupstore.IndexOptions{}); err != nil {
				t.Fatalf("going on: %v", err)
			}
		})
	}
}
