package share

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func openTemp(t *testing.T) (*Dir, string) {
	t.Helper()
	dir := t.TempDir()
	d, err := OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, dir
}

func anyName(string) bool { return true }

// bothWays runs test with openat2, if the kernel has it, and without.
func bothWays(t *testing.T, test func(t *testing.T, d *Dir, dir string)) {
	t.Run("openat2", func(t *testing.T) {
		d, dir := openTemp(t)
		if !d.now.root.openat2 {
			need.Missing(t, "openat2 is not to be had here")
		}
		test(t, d, dir)
	})
	t.Run("os.Root", func(t *testing.T) {
		d, dir := openTemp(t)
		d.now.root.openat2 = false
		test(t, d, dir)
	})
}

func TestOnlyRegularFilesInsideAreOpened(t *testing.T) {
	bothWays(t, func(t *testing.T, d *Dir, dir string) {
		secret := filepath.Join(t.TempDir(), "secret")
		must(t, os.WriteFile(secret, []byte("secret"), 0o600))
		must(t, os.WriteFile(filepath.Join(dir, "good"), []byte("0123456789"), 0o600))
		must(t, os.Symlink(secret, filepath.Join(dir, "out")))
		must(t, os.Symlink("good", filepath.Join(dir, "in")))
		must(t, os.Symlink(filepath.Dir(secret), filepath.Join(dir, "outdir")))
		must(t, os.Mkdir(filepath.Join(dir, "dir"), 0o700))
		must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))

		for name, want := range map[string]error{
			"out": ErrNotRegular, "in": ErrNotRegular, "dir": ErrNotRegular, ".": ErrNotRegular, "fifo": ErrNotRegular,
			"none": fs.ErrNotExist, "none/good": fs.ErrNotExist, "good/x": syscall.ENOTDIR, "good\x00": nil, "": nil,
			"outdir/secret": nil, "../" + filepath.Base(dir) + "/good": nil, "dir/../../x": nil, secret: nil,
		} {
			f, err := d.Open(t.Context(), name)
			if err == nil {
				f.Close()
				t.Errorf("open %q: no error", name)
			} else if want != nil && !errors.Is(err, want) {
				t.Errorf("open %q: %v, want %v", name, err, want)
			}
		}
		f, err := d.Open(t.Context(), "good")
		must(t, err)
		defer f.Close()
		p := make([]byte, 4)
		if n, err := f.ReadAt(t.Context(), p, 3); n != 4 || err != nil || string(p) != "3456" || f.Size() != 10 {
			t.Fatalf("read %d %v %q size %d", n, err, p, f.Size())
		}
		entries, _, err := d.ReadDir(t.Context(), ".", anyName)
		must(t, err)
		kinds := map[string]fs.FileMode{}
		for _, e := range entries {
			kinds[e.Name] = e.Mode
		}
		if len(kinds) != 6 || kinds["good"] != 0 || kinds["dir"] != fs.ModeDir || kinds["out"] != fs.ModeSymlink || kinds["fifo"] != fs.ModeIrregular {
			t.Fatalf("entries: %v", kinds)
		}
		for _, name := range []string{"outdir", "good", "fifo", "..", "none", secret} {
			if _, _, err := d.ReadDir(t.Context(), name, anyName); err == nil {
				t.Errorf("%s was listed", name)
			}
		}
	})
}

func TestAListHasDirectoriesAndWhatIsWanted(t *testing.T) {
	bothWays(t, func(t *testing.T, d *Dir, dir string) {
		const n = 500 // more than one getdents64 returns
		for i := range n {
			must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("stray %05d", i)), nil, 0o600))
		}
		must(t, os.WriteFile(filepath.Join(dir, "wanted"), []byte("12345"), 0o600))
		must(t, os.Mkdir(filepath.Join(dir, "latin1 \xfc"), 0o700))
		asked := map[string]int{}
		entries, _, err := d.ReadDir(t.Context(), ".", func(name string) bool { asked[name]++; return name == "wanted" })
		must(t, err)
		if len(entries) != 2 || len(asked) != n+2 {
			t.Fatalf("%v, %d names asked for", entries, len(asked))
		}
		for _, e := range entries {
			if e.Err != nil || e.Mode.IsDir() != (e.Name == "latin1 \xfc") || e.Name == "wanted" && (e.Size != 5 || e.ModTime.IsZero()) {
				t.Errorf("%+v", e)
			}
		}
		if _, _, err := d.ReadDir(t.Context(), "latin1 \xfc", anyName); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := d.ReadDir(ctx, ".", anyName); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// A directory may be replaced by a link while a path below it is opened.
func TestADirectoryExchangedForALinkLeadsNowhere(t *testing.T) {
	bothWays(t, func(t *testing.T, d *Dir, dir string) {
		outside := t.TempDir()
		must(t, os.WriteFile(filepath.Join(outside, "f"), []byte("outside"), 0o600))
		must(t, os.Mkdir(filepath.Join(dir, "real"), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, "real", "f"), []byte("inside"), 0o600))
		must(t, os.Symlink(outside, filepath.Join(dir, "link")))
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
				}
				unix.Renameat2(unix.AT_FDCWD, filepath.Join(dir, "real"), unix.AT_FDCWD, filepath.Join(dir, "link"), unix.RENAME_EXCHANGE)
			}
		}()
		defer func() { close(stop); <-stopped }()
		read := 0
		for range 2000 {
			f, err := d.Open(t.Context(), "real/f")
			if err != nil {
				continue
			}
			p := make([]byte, 6)
			f.ReadAt(t.Context(), p, 0)
			f.Close()
			if string(p) != "inside" {
				t.Fatalf("read %q", p)
			}
			read++
		}
		t.Logf("%d of 2000 opens met the directory", read)
	})
}

func TestNoFileStaysOpen(t *testing.T) {
	bothWays(t, func(t *testing.T, d *Dir, dir string) {
		must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
		must(t, os.WriteFile(filepath.Join(dir, "good"), nil, 0o600))
		before := openFiles(t)
		for _, name := range []string{"fifo", "good", "none", "..", "."} {
			if f, err := d.Open(t.Context(), name); err == nil {
				f.Close()
			}
			d.ReadDir(t.Context(), name, anyName)
		}
		if after := openFiles(t); after != before {
			t.Errorf("%d files open before, %d after", before, after)
		}
		d.Close()
		if after := openFiles(t); after != before-2 {
			t.Errorf("%d files open before Close, %d after", before, after)
		}
		if _, err := d.Open(t.Context(), "good"); err == nil {
			t.Error("a closed share opens files")
		}
	})
}

func openFiles(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		need.Missing(t, "open files cannot be counted here: %v", err)
	}
	return len(fds)
}

// A call that hangs in the kernel must not block its caller after ctx has ended.
func TestACallThatHangsIsLeftBehind(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	release, discarded := make(chan struct{}), make(chan int, 1)
	_, err := interruptible(ctx, &Outage{}, func() (int, error) { <-release; return 7, nil }, func(v int) { discarded <- v })
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
	d.now.root.remote = true
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

func TestARemoteDirectoryHasTheStampsOfALocalOne(t *testing.T) {
	t.Parallel()
	d, dir := openTemp(t)
	if !d.now.root.stamped {
		need.Missing(t, "the directory for temporary files is on a file system without stamps")
	}
	must(t, os.WriteFile(filepath.Join(dir, "file"), []byte("0123456789"), 0o600))
	must(t, os.Symlink("file", filepath.Join(dir, "link")))
	entries, listed, err := d.ReadDir(t.Context(), ".", anyName)
	must(t, err)
	d.now.root.remote = true
	own, of, err := d.Look(t.Context(), ".", []string{"file", "link", "none"})
	must(t, err)
	if own != listed || own == (Stamp{}) {
		t.Errorf("%+v, %+v", own, listed)
	}
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.Name == "file" })
	if of[0] != entries[i].Stamp || of[1] != (Stamp{}) || of[2] != (Stamp{}) {
		t.Errorf("%+v", of)
	}
	f, err := d.Open(t.Context(), "file")
	must(t, err)
	defer f.Close()
	if now, err := f.Stamp(t.Context()); err != nil || now != of[0] {
		t.Errorf("%+v, %v", now, err)
	}
}
