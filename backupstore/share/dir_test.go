package share

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func openTemp(t *testing.T) (*Dir, string) {
	t.Helper()
	dir := t.TempDir()
	d, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, dir
}

func TestOnlyRegularFilesInsideAreOpened(t *testing.T) {
	d, dir := openTemp(t)
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("secret"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "good"), []byte("0123456789"), 0o600))
	must(t, os.Symlink(secret, filepath.Join(dir, "out")))
	must(t, os.Symlink("good", filepath.Join(dir, "in")))
	must(t, os.Symlink(filepath.Dir(secret), filepath.Join(dir, "outdir")))
	must(t, os.Mkdir(filepath.Join(dir, "dir"), 0o700))
	must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))

	for name, want := range map[string]error{
		"out": ErrNotRegular, "in": ErrNotRegular, "dir": ErrNotRegular, "fifo": ErrNotRegular,
		"none": fs.ErrNotExist, "outdir/secret": nil, "../" + filepath.Base(dir) + "/good": nil, secret: nil,
	} {
		f, err := d.Open(context.Background(), name)
		if err == nil {
			f.Close()
			t.Errorf("open %q: no error", name)
		} else if want != nil && !errors.Is(err, want) {
			t.Errorf("open %q: %v, want %v", name, err, want)
		}
	}
	f, err := d.Open(context.Background(), "good")
	must(t, err)
	defer f.Close()
	p := make([]byte, 4)
	if n, err := f.ReadAt(context.Background(), p, 3); n != 4 || err != nil || string(p) != "3456" || f.Size() != 10 {
		t.Fatalf("read %d %v %q size %d", n, err, p, f.Size())
	}
	entries, err := d.ReadDir(context.Background(), ".")
	must(t, err)
	kinds := map[string]fs.FileMode{}
	for _, e := range entries {
		kinds[e.Name] = e.Mode
	}
	if len(kinds) != 6 || kinds["good"] != 0 || kinds["dir"] != fs.ModeDir || kinds["out"] != fs.ModeSymlink || kinds["fifo"] != fs.ModeIrregular {
		t.Fatalf("entries: %v", kinds)
	}
	if _, err := d.ReadDir(context.Background(), "outdir"); err == nil {
		t.Fatal("a link out of the share was listed")
	}
}

// A call that hangs in the kernel must not hold its caller once ctx ends.
func TestACallThatHangsIsLeftBehind(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	release, discarded := make(chan struct{}), make(chan int, 1)
	_, err := interruptible(ctx, true, func() (int, error) { <-release; return 7, nil }, func(v int) { discarded <- v })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	close(release)
	if v := <-discarded; v != 7 {
		t.Fatalf("discarded %d", v)
	}
}

func TestRemoteReadReturnsTheBytes(t *testing.T) {
	d, dir := openTemp(t)
	d.remote = true
	must(t, os.WriteFile(filepath.Join(dir, "f"), []byte("0123456789"), 0o600))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f, err := d.Open(ctx, "f")
	must(t, err)
	defer f.Close()
	p := make([]byte, 8)
	if n, err := f.ReadAt(ctx, p, 6); n != 4 || err == nil || string(p[:n]) != "6789" {
		t.Fatalf("%d %v %q", n, err, p[:n])
	}
	cancel()
	if _, err := f.ReadAt(ctx, p, 0); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
