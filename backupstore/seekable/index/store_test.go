package index

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func TestSizeBoundEvictsWhatWasNotUsedForLongest(t *testing.T) {
	if testing.Short() {
		t.Skip("not in this run: which processor it is makes no difference")
	}
	dir := t.TempDir()
	const bound = 128 << 10
	s := openStore(t, dir, bound)
	add := func(i int) *Index {
		x := s.Index(testKey(fmt.Sprint(i)))
		b := mustBuild(t, x)
		build(b, 0, 40)
		b.Complete()
		b.Close()
		// Ages: the smaller, the older.
		at := time.Now().Add(time.Duration(i-1000) * time.Hour)
		_ = os.Chtimes(filepath.Join(dir, x.name), at, at)
		return x
	}
	first := add(0)
	defer first.Close()
	building := s.Index(testKey("building"))
	defer building.Close()
	b := mustBuild(t, building)
	build(b, 0, 10)
	at := time.Now().Add(-10000 * time.Hour)
	_ = os.Chtimes(filepath.Join(dir, building.name)+partialSuffix, at, at)
	for i := 1; i < 60; i++ {
		add(i).Close()
		if _, total := listFiles(t, dir); total > bound {
			t.Fatalf("%d bytes with %d indexes", total, i)
		}
	}
	if first.Len() != 0 || first.Complete() {
		t.Fatal("an evicted index in use believes that it has its file")
	}
	build(b, 10, 20)
	if check(t, building) != 20 {
		t.Fatal("the one being built was evicted")
	}
	b.Close()
	x := s.Index(testKey("59"))
	defer x.Close()
	if !x.Complete() {
		t.Fatal("the newest was evicted")
	}
	if x := s.Index(testKey("1")); x.Complete() {
		t.Fatal("the oldest stays")
	}
	// An index that alone is over the bound goes on in memory.
	big := s.Index(testKey("big"))
	defer big.Close()
	b = mustBuild(t, big)
	defer b.Close()
	build(b, 0, 512)
	for i := range int64(20) {
		b.Checkpoint(stream.Checkpoint{In: 512e6 + i, Out: 1023<<18 + i, State: noise(10000, i)})
	}
	if _, total := listFiles(t, dir); total > bound {
		t.Fatalf("%d bytes", total)
	}
	if n := big.Len(); n != 532 {
		t.Fatalf("%d checkpoints", n)
	}
	for out := range int64(256) {
		if e, ok := big.Before(out << 20); ok {
			if _, err := big.Checkpoint(e); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func noise(n int, seed int64) []byte {
	p := make([]byte, n)
	x := uint64(seed)*2862933555777941757 + 3037000493
	for i := range p {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		p[i] = byte(x >> 32)
	}
	return p
}

func TestOpenStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache", "index")
	openStore(t, dir, 1)
	if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 {
		t.Fatalf("%v, %v", fi, err)
	}
	if _, err := OpenStore(dir, 0, nil); err == nil {
		t.Fatal("no bound is no error")
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(filepath.Join(file, "x"), 1, nil); err == nil {
		t.Fatal("a file is taken for a directory")
	}
}

// buildAllTheSame builds an index in a directory that does not do its service,
// and wants no difference, and at most one file's worth of records there.
func buildAllTheSame(t *testing.T, s *Store) {
	t.Helper()
	for i := range 3 {
		x := s.Index(testKey(fmt.Sprint("o", i)))
		b := mustBuild(t, x)
		build(b, 0, 300)
		if check(t, x) != 300 {
			t.Fatal("not usable")
		}
		b.Complete()
		b.Close()
		if !x.Complete() || check(t, x) != 300 {
			t.Fatal("not complete")
		}
		x.Close()
		x = s.Index(testKey(fmt.Sprint("o", i)))
		if x.Complete() {
			t.Fatal("stored, where this cannot be")
		}
		check(t, x)
		x.Close()
	}
}

func TestNoSpaceLeft(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=32k,mode=0700"); err != nil {
		need.Missing(t, "needs the right to mount a tmpfs: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	s := openStore(t, dir, 1<<30)
	buildAllTheSame(t, s)
	s.Close()
}

func TestReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_RDONLY, "size=32k,mode=0700"); err != nil {
		need.Missing(t, "needs the right to mount a tmpfs: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	s := openStore(t, dir, 1<<30)
	buildAllTheSame(t, s)
	s.Close()
}

func TestDirectoryIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	s := openStore(t, dir, 1<<30)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	buildAllTheSame(t, s)
}

// processorOf is the one that a program is built for.
func processorOf(t *testing.T, path string) elf.Machine {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.Machine
}

// Write errors without any rights: a process that may write only short files.
func TestFileSizeLimit(t *testing.T) {
	if dir := os.Getenv("INDEX_TEST_LIMITED"); dir != "" {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 20000, Max: 20000}); err != nil {
			t.Fatal(err)
		}
		buildAllTheSame(t, openStore(t, dir, 1<<30))
		return
	}
	exe, err := os.Executable()
	if err != nil {
		need.Missing(t, "%v", err)
	}
	cmd := exec.Command(exe, "-test.run=^TestFileSizeLimit$", "-test.v")
	cmd.Env = append(os.Environ(), "INDEX_TEST_LIMITED="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.ENOEXEC) {
		// qemu-user runs this program, and the kernel cannot start another of its kind.
		if own, sh := processorOf(t, exe), processorOf(t, "/bin/sh"); own != sh {
			t.Skipf(need.NotInThisRun+"an emulator of %v on %v cannot start itself", own, sh)
		}
		need.Missing(t, "%v", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := strings.Count(string(out), "WARN"); n != 1 {
		t.Fatalf("%d warnings\n%s", n, out)
	}
}
