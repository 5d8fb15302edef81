package index

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// halfBuilt is an index of 100 checkpoints that is being built, and its file.
func halfBuilt(t *testing.T) (s *Store, x *Index, b *Builder, partial string) {
	t.Helper()
	dir := t.TempDir()
	s = openStore(t, dir, 1<<30)
	x = s.Index(testKey("o"))
	t.Cleanup(x.Close)
	b = mustBuild(t, x)
	build(b, 0, 100)
	return s, x, b, filepath.Join(dir, x.name+partialSuffix)
}

// Places in the file have so many bits, and no more.
func TestAFileDoesNotGrowBeyondWhatALocationHolds(t *testing.T) {
	_, x, b, partial := halfBuilt(t)
	b.end = maxFileSize - 1
	build(b, 100, 200)
	if b.f != nil {
		t.Error("the file is still written")
	}
	if info, err := os.Stat(partial); err != nil || info.Size() > mib {
		t.Errorf("%v, %v", info, err)
	}
	if check(t, x) != 200 {
		t.Error("not usable")
	}
	b.Complete()
	b.Close()
	if !x.Complete() || x.stored || check(t, x) != 200 {
		t.Error("not complete")
	}
}

func TestAFileThatIsRemovedOrReplacedWhileItIsWrittenIsNotKept(t *testing.T) {
	for name, replace := range map[string]bool{"removed": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			_, x, b, partial := halfBuilt(t)
			if err := os.Remove(partial); err != nil {
				t.Fatal(err)
			}
			if replace {
				put(t, partial, []byte("another file"))
			}
			build(b, 100, 512)
			b.Complete()
			b.Close()
			if !x.Complete() || x.stored {
				t.Errorf("complete %t, stored %t", x.Complete(), x.stored)
			}
			final := partial[:len(partial)-len(partialSuffix)]
			if _, err := os.Stat(final); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a file has the name of the index: %v", err)
			}
			// Its records are gone: that is found out at once, and it is built anew.
			e, ok := x.Before(77 * spacing)
			if _, err := x.Checkpoint(e); !ok || !errors.Is(err, ErrGone) || x.Complete() || x.Len() != 0 {
				t.Errorf("%t, %v, complete %t, %d checkpoints", ok, err, x.Complete(), x.Len())
			}
			b = mustBuild(t, x)
			build(b, 0, 512)
			b.Complete()
			b.Close()
			if !x.Complete() || check(t, x) != 512 {
				t.Error("it was not built anew")
			}
		})
	}
}

// withoutDescriptors calls f while no file can be opened.
func withoutDescriptors(t *testing.T, f func()) {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
			t.Fatal(err)
		}
	}()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 0, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	f()
}

// That no file can be opened says nothing about the index.
func TestAnIndexOutlivesAMomentWithoutDescriptors(t *testing.T) {
	s, x, b, partial := halfBuilt(t)
	e, _ := x.Before(77 * spacing)
	withoutDescriptors(t, func() {
		if _, err := x.Checkpoint(e); !errors.Is(err, syscall.EMFILE) || errors.Is(err, ErrGone) {
			t.Errorf("a checkpoint of one that is being built: %v", err)
		}
	})
	build(b, 100, 512)
	b.Complete()
	b.Close()
	withoutDescriptors(t, func() {
		if _, err := x.Checkpoint(e); !errors.Is(err, syscall.EMFILE) || errors.Is(err, ErrGone) {
			t.Errorf("a checkpoint: %v", err)
		}
	})
	if !x.Complete() || check(t, x) != 512 {
		t.Error("the index was forgotten")
	}
	again := openStore(t, s.root.Name(), 1<<30)
	withoutDescriptors(t, func() {
		y := again.Index(testKey("o"))
		defer y.Close()
		if y.Complete() || y.Len() != 0 {
			t.Errorf("%d checkpoints of a file that cannot be opened", y.Len())
		}
		b := mustBuild(t, y) // in memory
		build(b, 0, 10)
		b.Close()
		if check(t, y) != 10 {
			t.Error("not usable")
		}
	})
	y := again.Index(testKey("o"))
	defer y.Close()
	if !y.Complete() || check(t, y) != 512 {
		t.Error("the file was removed")
	}
	if _, err := os.Stat(partial); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an unfinished file: %v", err)
	}
}
