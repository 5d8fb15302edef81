package backupstore_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// Whichever call fails: there is an error, or every backup is listed with what
// is wrong, and what is not said to be wrong reads right.
func TestAnyFailingCallLeavesAUsableCatalogue(t *testing.T) {
	dir, all := oneChain(t)
	probe, counted := faultyCatalog(t, dir)
	refresh(t, probe)
	total := counted.count("readdir") + counted.count("stat") + counted.count("open") + counted.count("read")
	for _, fault := range []error{syscall.EIO, syscall.ESTALE, fs.ErrPermission, fs.ErrNotExist} {
		for k := range total {
			c, s := faultyCatalog(t, dir)
			n := 0
			s.set(func(string, string) error {
				n++
				if n == k+1 {
					return fault
				}
				return nil
			})
			err := c.Refresh(t.Context())
			s.set(nil)
			if err != nil {
				if !errors.Is(err, fault) || !strings.Contains(err.Error(), dir) || c.Backups() != nil {
					t.Fatalf("call %d, %v: %v", k, fault, err)
				}
				continue
			}
			told := len(c.Unread()) > 0 || errors.Is(fault, fs.ErrNotExist)
			for _, b := range c.Backups() {
				told = told || len(b.Problems) > 0
				v, err := c.Open(t.Context(), b)
				if b.State == backupstore.Complete && err == nil {
					err = v.ReadAt(t.Context(), make([]byte, 2<<10), 0)
				}
				if b.State == backupstore.Complete && err != nil || b.State == backupstore.Incomplete && err == nil {
					t.Fatalf("call %d, %v: %s is %s %q: %v", k, fault, b.ID, b.State, b.Problems, err)
				}
			}
			if !told {
				t.Fatalf("call %d, %v: nobody was told", k, fault)
			}
			// Once it has passed all is well.
			refresh(t, c)
			for _, b := range c.Backups() {
				if b.State != backupstore.Complete {
					t.Fatalf("call %d, %v: afterwards %s is %s: %q", k, fault, b.ID, b.State, b.Problems)
				}
			}
			if len(c.Backups()) != len(all) || len(c.Unread()) > 0 {
				t.Fatalf("call %d, %v: afterwards %d backups, %v", k, fault, len(c.Backups()), c.Unread())
			}
		}
	}
}

func TestWhatCannotBeReadAnyMoreStaysAsItWas(t *testing.T) {
	dir, all := oneChain(t)
	c, s := faultyCatalog(t, dir)
	refresh(t, c)
	for name, fault := range map[string]func(op, name string) error{
		"the root":          func(op, name string) error { return match(op == "readdir" && name == ".") },
		"every directory":   func(op, name string) error { return match(op == "readdir" && name != ".") },
		"one directory":     func(op, name string) error { return match(op == "readdir" && name == "a b") },
		"its type":          func(op, name string) error { return match(op == "stat" && name == "a b") },
		"a leaf":            func(op, name string) error { return match(op == "readdir" && strings.Count(name, "/") == 2) },
		"every _metadata":   func(op, name string) error { return match(strings.HasSuffix(name, "_metadata") && op != "stat") },
		"what is in a file": func(op, name string) error { return match(op == "read") },
	} {
		t.Run(name, func(t *testing.T) {
			s.set(fault)
			if err := c.Refresh(t.Context()); (err != nil) != (name == "the root") {
				t.Errorf("got %v", err)
			}
			if n := len(c.Backups()); n != len(all) {
				t.Errorf("%d of %d backups are left; %v", n, len(all), c.Unread())
			}
			for _, b := range c.Backups() {
				if b.State != backupstore.Complete {
					t.Errorf("%s is %s: %q", b.ID, b.State, b.Problems)
				}
			}
		})
	}
	s.set(nil)
	if err := os.RemoveAll(filepath.Join(dir, "a b")); err != nil {
		t.Fatal(err)
	}
	refresh(t, c)
	if n := len(c.Backups()); n != len(all)-2 {
		t.Errorf("%d backups after two of %d were deleted", n, len(all))
	}
}

func match(fails bool) error {
	if fails {
		return syscall.ESTALE
	}
	return nil
}

func TestOnlyWhatChangedIsReadAgain(t *testing.T) {
	dir, all := oneChain(t)
	c, s := faultyCatalog(t, dir)
	refresh(t, c)
	s.set(nil)
	refresh(t, c)
	if n := s.count("open"); n != 0 {
		t.Errorf("%d files were opened again", n)
	}
	if err := os.Remove(all[1].Path("-00002")); err != nil {
		t.Fatal(err)
	}
	refresh(t, c)
	if n := s.count("open"); n != 1 {
		t.Errorf("%d files were opened for one change", n)
	}
	for i, b := range all[:4] {
		if got := find(t, c, b.ID); (got.State == backupstore.Complete) != (i == 0) || i > 0 && !strings.Contains(got.Problems[0], "object 00002 is missing") {
			t.Errorf("backup %d is %s: %q", i, got.State, got.Problems)
		}
	}
}

func TestACancelledScanSaysSo(t *testing.T) {
	dir, all := oneChain(t)
	c, s := faultyCatalog(t, dir)
	refresh(t, c)
	for _, op := range []string{"readdir", "stat", "open", "read"} {
		for i := range all {
			if i%2 == 0 { // so that there is something to read
				os.Chtimes(all[i].Path("_metadata"), time.Now(), time.Now())
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		s.set(func(o, _ string) error {
			if o == op {
				cancel()
				return context.Canceled
			}
			return nil
		})
		if err := c.Refresh(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", op, err)
		}
		if n := len(c.Backups()); n != len(all) || len(c.Unread()) > 0 {
			t.Errorf("%s: %d backups afterwards, %v", op, n, c.Unread())
		}
		cancel()
	}
}

func TestManyUnreadableDirectoriesAreToldInFewWords(t *testing.T) {
	dir := t.TempDir()
	for i := range 100 {
		if err := os.Mkdir(filepath.Join(dir, fmt.Sprint(i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c, s := faultyCatalog(t, dir)
	s.set(func(op, name string) error {
		if op == "readdir" && name != "." {
			return fs.ErrPermission
		}
		return nil
	})
	refresh(t, c)
	u := c.Unread()
	if len(u) != 11 || !strings.Contains(u[0].Error(), "cinder-backup runs as") || !strings.Contains(u[10].Error(), "90 more") {
		t.Errorf("%v", u)
	}
}

func TestContainersAreFoundWhereverTheyAre(t *testing.T) {
	dir := t.TempDir()
	deep := strings.Repeat("d/", 16)
	for _, container := range []string{".", "", "x", "x/y", ".hidden", "a b/ü", "latin1 \xfc", deep + "."} {
		storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID(container), VolumeID: storetest.ID("v"), Container: container,
			Content: storetest.Random(100, 1)})
	}
	for _, container := range []string{".snapshot/hourly.0", "x/.snapshot/1", ".zfs/snapshot/1", "lost+found/#1", deep + "d"} {
		storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID(container), VolumeID: storetest.ID("v"), Container: container,
			Content: storetest.Random(100, 1)})
	}
	for _, name := range []string{".nfs0000000001", "x/.nfs0000000002", "volume_x", "x/core"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := openCatalog(t, dir, backupstore.Options{})
	if n := len(c.Backups()); n != 8 {
		for _, b := range c.Backups() {
			t.Log(b.Container())
		}
		t.Errorf("%d backups", n)
	}
	for _, b := range c.Backups() {
		if len(b.Problems) > 0 {
			t.Errorf("%s: %q", b.Container(), b.Problems)
		}
		if err := open(t, c, b.ID).ReadAt(t.Context(), make([]byte, 100), 0); err != nil {
			t.Error(err)
		}
	}
	if u := c.Unread(); len(u) != 1 || !strings.Contains(u[0].Error(), "levels deep") {
		t.Errorf("%v", u)
	}
}

// BenchmarkRefresh looks at 2,000 backups of 16 objects: at first, and again.
func BenchmarkRefresh(b *testing.B) {
	dir := b.TempDir()
	if _, err := storetest.WriteMany(dir, 2000, 16); err != nil {
		b.Fatal(err)
	}
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			openCatalog(b, dir, backupstore.Options{})
		}
	})
	b.Run("again", func(b *testing.B) {
		c := openCatalog(b, dir, backupstore.Options{})
		b.ReportAllocs()
		for b.Loop() {
			if err := c.Refresh(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A server that fails over forgets its handles while files stay what they are.
func TestAStaleHandleIsOpenedAnew(t *testing.T) {
	dir, all := oneChain(t)
	c, s := faultyCatalog(t, dir)
	refresh(t, c)
	v := open(t, c, all[3].ID)
	stale := map[string]bool{}
	s.set(func(op, name string) error {
		if op == "read" && !stale[name] {
			stale[name] = true
			return syscall.ESTALE
		}
		return nil
	})
	if err := v.ReadAt(t.Context(), make([]byte, 2<<10), 0); err != nil || len(stale) == 0 {
		t.Fatalf("%d files were stale: %v", len(stale), err)
	}
	s.set(nil)
	v = open(t, c, all[2].ID)
	s.set(func(op, name string) error { return match(op == "read") })
	if err := v.ReadAt(t.Context(), make([]byte, 2<<10), 0); !errors.Is(err, syscall.ESTALE) || errors.Is(err, backupstore.ErrDamaged) {
		t.Fatalf("got %v", err)
	}
}

func TestACatalogueLeavesNoFileOpen(t *testing.T) {
	dir, fixtures := storetest.Fixtures(t)
	count := func() []string {
		var names []string
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			need.Missing(t, "open files cannot be counted here: %v", err)
		}
		for _, fd := range fds {
			if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, dir) {
				names = append(names, to)
			}
		}
		return names
	}
	s, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := backupstore.NewCatalog(s, backupstore.Options{})
	for range 2 {
		refresh(t, c)
		if open := slices.DeleteFunc(count(), func(name string) bool { return name == dir }); len(open) > 0 {
			t.Errorf("open after a look: %q", open)
		}
	}
	for _, f := range fixtures {
		if v, err := c.Open(t.Context(), find(t, c, f.ID)); err == nil {
			v.ReadAt(t.Context(), make([]byte, 1), 0)
		}
	}
	c.Close()
	if open := count(); len(open) > 0 {
		t.Errorf("open after Close: %q", open)
	}
}
