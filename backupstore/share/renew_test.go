package share

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// bind mounts one directory on another, until the test ends or away is called.
func bind(t *testing.T, from, on string) (away func()) {
	t.Helper()
	if os.Getuid() != 0 {
		need.Missing(t, "needs root to mount")
	}
	if err := syscall.Mount(from, on, "", syscall.MS_BIND, ""); err != nil {
		need.Missing(t, "cannot mount: %v", err)
	}
	mounted := true
	away = func() {
		if mounted {
			mounted = false
			must(t, syscall.Unmount(on, syscall.MNT_DETACH))
		}
	}
	t.Cleanup(away)
	return away
}

// dirWith returns a directory with a file whose text is its name.
func dirWith(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600))
	return dir
}

func TestTheSuccessorIsWhatTheSharesPathNamesNow(t *testing.T) {
	path := t.TempDir()
	for what, change := range map[string]func(t *testing.T){
		"made anew": func(t *testing.T) {
			must(t, os.RemoveAll(path))
			must(t, os.Mkdir(path, 0o700))
			must(t, os.WriteFile(filepath.Join(path, "new"), []byte("new"), 0o600))
		},
		"mounted over": func(t *testing.T) { bind(t, dirWith(t, "new"), path) },
		"mounted anew": func(t *testing.T) {
			bind(t, dirWith(t, "between"), path)()
			bind(t, dirWith(t, "new"), path)
		},
	} {
		t.Run(what, func(t *testing.T) {
			if what != "made anew" {
				bind(t, dirWith(t, "old"), path)
			} else {
				must(t, os.WriteFile(filepath.Join(path, "old"), []byte("old"), 0o600))
			}
			d, err := OpenDir(t.Context(), path, nil)
			must(t, err)
			defer d.Close()
			if next, err := d.Successor(t.Context()); next != nil || err != nil {
				t.Fatalf("nothing has changed, but there is %v, %v", next, err)
			}
			open, err := d.Open(t.Context(), "old")
			must(t, err)
			defer open.Close()

			change(t)
			next, err := d.Successor(t.Context())
			if next == nil || err != nil {
				t.Fatalf("%v, %v", next, err)
			}
			d.Become(next)
			if _, err := d.Open(t.Context(), "old"); !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
			f, err := d.Open(t.Context(), "new")
			must(t, err)
			must(t, f.Close())
			p := make([]byte, 3)
			if _, err := open.ReadAt(t.Context(), p, 0); err != nil || string(p) != "old" {
				t.Errorf("the open file: %q, %v", p, err)
			}
			if next, err := d.Successor(t.Context()); next != nil || err != nil {
				t.Errorf("afterwards: %v, %v", next, err)
			}
		})
	}
}

func TestAStaleRootHasASuccessorThoughItLooksTheSame(t *testing.T) {
	d, path := openTemp(t)
	d.now.root.stale.Store(true)
	next, err := d.Successor(t.Context())
	if next == nil || err != nil {
		t.Fatal(next, err)
	}
	d.Become(next)
	must(t, os.RemoveAll(path))
	if next, err := d.Successor(t.Context()); next != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("gone: %v, %v", next, err)
	}
	d.Close()
	if _, _, err := d.ReadDir(t.Context(), ".", anyName); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func needFUSE(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil || os.Getuid() != 0 {
		need.Missing(t, "needs root and /dev/fuse")
	}
	f.Close()
}

// forgetful is a file system whose server may no longer know it.
type forgetful struct {
	gofs.Inode
	gone atomic.Bool
}

func (f *forgetful) Getattr(_ context.Context, _ gofs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode = syscall.S_IFDIR | 0o755
	if f.gone.Load() {
		return syscall.ESTALE
	}
	return 0
}

func TestADirectoryWithoutAPathIsReplacedOnlyWhenItIsStaleItself(t *testing.T) {
	needFUSE(t)
	mountpoint := t.TempDir()
	old := new(forgetful)
	server, err := gofs.Mount(mountpoint, old, &gofs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true}})
	if err != nil {
		need.Missing(t, "cannot mount: %v", err)
	}
	refused := errors.New("not now")
	called := 0
	again := func(ctx context.Context) (*Dir, error) {
		if called++; called == 1 {
			return nil, refused
		}
		return OpenDir(ctx, dirWith(t, "new"), nil)
	}
	d, err := OpenDirAs(t.Context(), mountpoint, "n:/e", nil, again)
	must(t, err)
	defer func() {
		d.Close()
		for i := 0; server.Unmount() != nil && i < 100; i++ {
			time.Sleep(50 * time.Millisecond)
		}
	}()
	d.now.root.stale.Store(true) // as after a look at a file that was deleted on the server
	if next, err := d.Successor(t.Context()); next != nil || err != nil || called > 0 {
		t.Fatalf("it is whole, but there is %v, %v", next, err)
	}
	old.gone.Store(true)
	if next, err := d.Successor(t.Context()); next != nil || !errors.Is(err, refused) {
		t.Fatalf("%v, %v", next, err)
	}
	next, err := d.Successor(t.Context())
	if next == nil || err != nil {
		t.Fatalf("%v, %v", next, err)
	}
	d.Become(next)
	f, err := d.Open(t.Context(), "new")
	must(t, err)
	must(t, f.Close())
	if next, err := d.Successor(t.Context()); next != nil || err != nil || called != 2 {
		t.Errorf("afterwards: %v, %v", next, err)
	}
}

// hanging is a file system whose server does not answer.
type hanging struct {
	gofs.Inode
	asked, answer chan struct{}
}

func (h *hanging) OpendirHandle(context.Context, uint32) (gofs.FileHandle, uint32, syscall.Errno) {
	select {
	case h.asked <- struct{}{}:
	default:
	}
	<-h.answer
	return nil, 0, syscall.EIO
}

func TestOpeningAShareThatHangsCanBeInterrupted(t *testing.T) {
	needFUSE(t)
	mountpoint := t.TempDir()
	h := &hanging{asked: make(chan struct{}, 1), answer: make(chan struct{})}
	server, err := gofs.Mount(mountpoint, h, &gofs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true}})
	if err != nil {
		need.Missing(t, "cannot mount: %v", err)
	}
	defer func() {
		close(h.answer)
		for i := 0; server.Unmount() != nil && i < 100; i++ {
			time.Sleep(50 * time.Millisecond)
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := OpenDir(ctx, mountpoint, nil)
		failed <- err
	}()
	select {
	case <-h.asked:
	case err := <-failed:
		t.Fatalf("it does not hang: %v", err)
	}
	cancel()
	select {
	case err := <-failed:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it cannot be interrupted")
	}
}
