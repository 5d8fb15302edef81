package nfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest/ganesha"
)

func TestARealServerIsReadAsItsDirectory(t *testing.T) {
	g := ganesha.New(t, ganesha.Options{})
	data := random(9<<20 + 777)
	g.Write("a/b/object", data, 0o644)
	for i := range 300 {
		g.Write(fmt.Sprintf("many/%s%d", strings.Repeat("n", 100), i), make([]byte, i), 0o644)
	}
	os.Symlink("/etc", filepath.Join(g.Export, "out"))
	syscall.Mkfifo(filepath.Join(g.Export, "fifo"), 0o644)
	dir, err := share.OpenDir(t.Context(), g.Export, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for _, version := range []string{"4.1", "4.0"} {
		s := mustOpen(t, g.URL("version="+version), Options{})
		for _, name := range []string{".", "a", "a/b", "many"} {
			if got, want := listed(t, s, name), listed(t, dir, name); got != want {
				t.Errorf("NFS %s: %s holds\n%s\nnot\n%s", version, name, got, want)
			}
		}
		f := mustOpenFile(t, s, "a/b/object")
		got := make([]byte, len(data))
		if n, err := f.ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, data) {
			t.Errorf("NFS %s: %d bytes, %v", version, n, err)
		}
		before, err := f.Stamp(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		g.Write("a/b/object", data[1:], 0o644)
		if after, err := f.Stamp(t.Context()); err != nil || after == before {
			t.Errorf("NFS %s: a file that was written has the same stamp %+v, %v", version, after, err)
		}
		g.Write("a/b/object", data, 0o644)
		if _, err := s.Open(t.Context(), "fifo"); !errors.Is(err, share.ErrNotRegular) {
			t.Error(err)
		}
	}
}

// listed returns a directory in words.
func listed(t *testing.T, s share.Share, dir string) string {
	t.Helper()
	entries, _, err := s.ReadDir(t.Context(), dir, all)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range entries {
		if !e.Mode.IsRegular() {
			e.Size = 0 // means nothing
		}
		lines = append(lines, fmt.Sprint(e.Name, e.Mode, e.Size, e.ModTime, e.Err))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestAServerThatTakesRootForNobodyIsAskedAsCinder(t *testing.T) {
	g := ganesha.New(t, ganesha.Options{RootSquash: true})
	g.Write("file", []byte("secret"), 0o600)
	const cinder = 64061
	os.Chown(filepath.Join(g.Export, "file"), cinder, cinder)
	s := mustOpen(t, g.URL(""), Options{})
	f, err := s.Open(t.Context(), "file")
	if err == nil {
		_, err = f.ReadAt(t.Context(), make([]byte, 6), 0)
		f.Close()
	}
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "root_squash") {
		t.Errorf("as root: %v", err)
	}
	s = mustOpen(t, g.URL(fmt.Sprintf("uid=%d&gid=%d", cinder, cinder)), Options{})
	p := make([]byte, 6)
	if _, err := mustOpenFile(t, s, "file").ReadAt(t.Context(), p, 0); err != nil || string(p) != "secret" {
		t.Errorf("%q, %v", p, err)
	}
}

// The server is stopped, killed, away, and in its grace period when it is back.
func TestReadersOutliveTheirServer(t *testing.T) {
	g := ganesha.New(t, ganesha.Options{Grace: true})
	data := random(4 << 20)
	g.Write("a/object", data, 0o644)
	for _, version := range []string{"4.1", "4.0"} {
		t.Run(version, func(t *testing.T) {
			s := mustOpen(t, g.URL("version="+version), Options{})
			ctx, cancel := context.WithCancel(t.Context())
			var reads atomic.Int64
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() { readOn(ctx, t, s, data, i, &reads) })
			}
			more := func(after string) {
				t.Helper()
				for was, n := reads.Load(), 0; reads.Load() < was+8; n++ {
					if time.Sleep(20 * time.Millisecond); n > 1500 {
						t.Fatalf("no read succeeds after the server %s", after)
					}
				}
			}
			more("started")
			g.Signal(syscall.SIGSTOP)
			time.Sleep(time.Second)
			g.Signal(syscall.SIGCONT)
			more("stood still")
			g.Kill()
			time.Sleep(500 * time.Millisecond)
			g.Start()
			more("was killed and started again")
			cancel()
			wg.Wait()
		})
	}
}

// readOn reads until ctx ends. Each read must give the right bytes: the server is never away for as
// long as the policy allows.
func readOn(ctx context.Context, t *testing.T, s *Share, data []byte, i int, reads *atomic.Int64) {
	for n := i; ctx.Err() == nil; n++ {
		f, err := s.Open(ctx, "a/object")
		if err != nil {
			if ctx.Err() == nil {
				t.Error(err)
			}
			return
		}
		p := make([]byte, 100<<10)
		for off := n * 12345 % (len(data) / 2); off+len(p) < len(data) && ctx.Err() == nil; off += len(p) {
			_, err := f.ReadAt(ctx, p, int64(off))
			if ctx.Err() != nil {
				break
			}
			if err != nil || !bytes.Equal(p, data[off:off+len(p)]) {
				t.Errorf("at %d: %v", off, err)
			}
			reads.Add(1)
		}
		f.Close()
	}
}
