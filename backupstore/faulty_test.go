package backupstore_test

import (
	"context"
	"fmt"
	"path"
	"sync"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// faultyShare is a share on which any call can be made to fail. Fault is asked
// before every call; op is readdir, open, read, stat or look.
type faultyShare struct {
	share.Share
	mu    sync.Mutex
	calls map[string]int
	fault func(op, name string) error // guarded by mu
}

func (s *faultyShare) call(op, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[op]++
	if s.fault == nil {
		return nil
	}
	return s.fault(op, name)
}

// set changes the fault and starts counting anew.
func (s *faultyShare) set(fault func(op, name string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.calls = fault, map[string]int{}
}

func (s *faultyShare) count(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[op]
}

func (s *faultyShare) ReadDir(ctx context.Context, dir string,
	want func(string) bool) ([]share.Entry, share.Stamp, error) {
	if err := s.call("readdir", dir); err != nil {
		return nil, share.Stamp{}, err
	}
	entries, own, err := s.Share.ReadDir(ctx, dir, want)
	for i, e := range entries {
		if err := s.call("stat", path.Join(dir, e.Name)); err != nil {
			entries[i] = share.Entry{Name: e.Name, Err: err}
		}
	}
	return entries, own, err
}

// Look is a call for the directory and one for each file.
func (s *faultyShare) Look(ctx context.Context, dir string, files []string) (share.Stamp, []share.Stamp, error) {
	err := s.call("look", dir)
	for _, name := range files {
		if err == nil {
			err = s.call("look", path.Join(dir, name))
		}
	}
	if err != nil {
		return share.Stamp{}, nil, err
	}
	return s.Share.Look(ctx, dir, files)
}

func (s *faultyShare) Open(ctx context.Context, name string) (share.File, error) {
	if err := s.call("open", name); err != nil {
		return nil, err
	}
	f, err := s.Share.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{f, s, name}, nil
}

type faultyFile struct {
	share.File
	share *faultyShare
	name  string
}

func (f *faultyFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := f.share.call("read", f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(ctx, p, off)
}

func faultyCatalog(t *testing.T, dir string) (*backupstore.Catalog, *faultyShare) {
	t.Helper()
	s, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &faultyShare{Share: s, calls: map[string]int{}}
	c := backupstore.NewCatalog(f, backupstore.Options{})
	t.Cleanup(func() { c.Close() })
	return c, f
}

// oneChain writes a full backup and three incrementals, and two backups in one
// container; 8 KiB each.
func oneChain(t *testing.T) (dir string, all []storetest.Backup) {
	t.Helper()
	dir = t.TempDir()
	all, err := storetest.WriteMany(dir, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		all = append(all, storetest.MustWrite(t, dir, storetest.Spec{
			ID: storetest.ID(fmt.Sprint("box", i)), VolumeID: storetest.ID("box"), Container: "a b/ü", Content: storetest.Random(8<<10, 1),
			FileSize: 1 << 10, ShaBlock: 1 << 10, VolumeMeta: "null",
		}))
	}
	return dir, all
}

func refresh(t *testing.T, c *backupstore.Catalog) {
	t.Helper()
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func oneBackup(t *testing.T, c *backupstore.Catalog) *backupstore.Backup {
	t.Helper()
	if n := len(c.Backups()); n != 1 {
		t.Fatalf("%d backups", n)
	}
	return c.Backups()[0]
}
