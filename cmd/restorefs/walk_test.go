package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/serve"
	"github.com/restorefs/restorefs/fusefs"
)

// countedShare counts the calls of a share's files.
type countedShare struct {
	share.Share
	reads, objects atomic.Int64 // reads, and files of objects that were opened
}

func (s *countedShare) Open(ctx context.Context, name string) (share.File, error) {
	if !strings.HasSuffix(name, "_metadata") && !strings.HasSuffix(name, "_sha256file") {
		s.objects.Add(1)
	}
	f, err := s.Share.Open(ctx, name)
	return countedFile{f, s}, err
}

type countedFile struct {
	share.File
	share *countedShare
}

func (f countedFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	f.share.reads.Add(1)
	return f.File.ReadAt(ctx, p, off)
}

// walkedChain writes a chain of n backups of a disk with an MBR. From each to the next at least one
// block changes: the first one if the disk is not partitioned.
func walkedChain(t *testing.T, dir string, n int, partitioned bool) {
	t.Helper()
	const size = 1 << 20
	mbr := make([]byte, 512)
	if partitioned {
		mbr[446+4] = 0x83
		binary.LittleEndian.PutUint32(mbr[446+8:], 64)
		binary.LittleEndian.PutUint32(mbr[446+12:], 1024)
		mbr[510], mbr[511] = 0x55, 0xaa
	}
	disk := func(i int) storetest.Content {
		b := make([]byte, size)
		if _, err := storetest.Text(size, 5).ReadAt(b, 0); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		copy(b, mbr)
		at := 0
		if partitioned {
			at = (2 + i%20) * (32 << 10) // not the start of the partition
		}
		copy(b[at+600:], fmt.Sprint("layer ", i))
		return storetest.Bytes(b)
	}
	var parent string
	var before storetest.Content
	for i := range n {
		s := storetest.Spec{ID: storetest.ID(fmt.Sprint("walk ", i)),
			VolumeID: storetest.ID("walk"), Content: disk(i), FileSize: 512 << 10,
			ParentID: parent, Parent: before, Created: time.Date(2026, 1, 1, 0, i, 0, 0, time.UTC)}
		parent, before = storetest.MustWrite(t, dir, s).ID, s.Content
	}
}

// Programs that walk the tree, such as find, ls -R and updatedb, make the mount look for partitions
// in every backup. The cost must not grow with the length of the chains.
func TestAWalkOfTheTreeCostsAFewReadsForEachBackup(t *testing.T) {
	firstPass(t)
	needMount(t)
	need(t, "find")
	const most = 5000. / 400 // reads for each backup: 5,000 for a chain of 400 are enough
	type chain struct {
		layers      int
		partitioned bool
		reads       float64 // for each backup, at most
		objects     int64   // that may be opened, with those read ahead
	}
	chains := map[string]chain{
		"a disk with partitions, a short chain":             {10, true, 9, 10},
		"a disk with partitions, a long chain":              {100, true, 9, 60},
		"a file system whose first block changes each time": {100, false, most, 110},
	}
	if os.Getenv("RESTOREFS_WALK_400") != "" {
		chains["a disk with partitions, 400 backups"] = chain{400, true, most, 240}
		chains["a file system whose first block changes each time, 400 backups"] = chain{400, false,
			most, 410}
	}
	for name, c := range chains {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			walkedChain(t, dir, c.layers, c.partitioned)
			opened, err := share.OpenDir(t.Context(), dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			counted := &countedShare{Share: opened}
			catalog := backupstore.NewCatalog(counted, backupstore.Options{})
			t.Cleanup(func() { catalog.Close() })
			if err := catalog.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			listed := counted.reads.Load()
			s, err := serve.New(t.Context(), catalog, serve.Options{CacheBytes: 4 << 20})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			server, err := fusefs.Mount(t.Context(), t.TempDir(), s, fusefs.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := server.Unmount(context.Background(),
					fusefs.UnmountOptions{}); err != nil {
					t.Error(err)
				}
			})
			for walk := range 2 {
				before := counted.reads.Load()
				found := run(t, "find", server.Mountpoint())
				if got := strings.Count(found, "/partitions/1.raw\n"); got != c.layers &&
					c.partitioned || strings.Count(found, "volume.raw\n") != c.layers {
					t.Errorf("walk %d: %d partitions of %d backups", walk, got, c.layers)
				}
				reads := counted.reads.Load() - before
				t.Logf("walk %d: %d backups listed with %d reads, walked with %d, %d objects opened", walk, c.layers, listed, reads, counted.objects.Load())
				most := int64(c.reads * float64(c.layers))
				if walk > 0 { // the tables are kept; metadata.json is made from _metadata each time
					most = int64(c.layers)
				}
				if reads > most {
					t.Errorf("walk %d of %d backups took %d reads, %d are enough", walk, c.layers,
						reads, most)
				}
			}
			if n := counted.objects.Load(); n > c.objects {
				t.Errorf("%d objects were opened, %d are enough", n, c.objects)
			}
		})
	}
}
