package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest"
	testneed "github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// The test binary is also the program, because a mount must be served by another process than the
// one that reads it.
func TestMain(m *testing.M) {
	if os.Getenv("RESTOREFS_TEST_MAIN") != "" {
		main()
		return
	}
	os.Exit(leaktest.Run(m, stopRig))
}

// skip skips a test that lacks something, unless the machine was prepared to run all tests
// (RESTOREFS_TEST_ALL).
func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	testneed.Missing(t, format, args...)
}

// firstPass is for long tests that are about other programs, not about the decoders: they run once
// only.
func firstPass(t *testing.T) {
	t.Helper()
	if secondPass {
		t.Skip("not in this run: the first pass of make test has it")
	}
}

// unwatched is for tests of what commands and documents say and of what is refused. What of these
// runs at once other tests have with the race detector, under which a start of the program takes
// four times as long: the pass of make test without it has these.
func unwatched(t *testing.T) {
	t.Helper()
	if watched {
		t.Skip(testneed.NotInThisRun + "the pass of make test without the race detector has it")
	}
}

func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			skip(t, "needs the program %s", p)
		}
	}
}

func needMount(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "needs root to mount")
	}
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		skip(t, "needs /dev/fuse: %v", err)
	} else {
		f.Close()
	}
}

// program returns a command of restorefs, ready to run. RESTOREFS_TEST_PROGRAM names another build of
// it, to see which tests an older one fails.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, cmp.Or(os.Getenv("RESTOREFS_TEST_PROGRAM"), os.Args[0]), args...)
	cmd.Env = append(os.Environ(), "RESTOREFS_TEST_MAIN=1", "XDG_CACHE_HOME="+t.TempDir(), "XDG_STATE_HOME="+t.TempDir())
	return cmd
}

// restorefs runs a command and returns what it wrote and its exit code.
func restorefs(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := program(t, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// run runs another program and fails the test if it fails.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// mountShare mounts a share and returns the mountpoint and its server, which is
// stopped at the end of the test.
func mountShare(t *testing.T, share string, flags ...string) (string, *exec.Cmd) {
	t.Helper()
	needMount(t)
	mountpoint := t.TempDir()
	server := program(t, append(append([]string{"mount", "--share", share}, flags...), mountpoint)...)
	stderr, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 4096)
	n, _ := stderr.Read(first)
	go io.Copy(io.Discard, stderr)
	t.Cleanup(func() {
		server.Process.Signal(syscall.SIGTERM)
		server.Wait()
	})
	if !strings.HasPrefix(string(first[:n]), "mounted on") {
		t.Fatalf("mount: %s", first[:n])
	}
	return mountpoint, server
}

// sourceDisk writes what the volume held to a file, as long as the volume.
func sourceDisk(t *testing.T, share string, list []storetest.Fixture, f storetest.Fixture) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source.raw")
	if err := os.WriteFile(path, storetest.Image(t, share, list, f), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, f.VolumeGiB<<30); err != nil {
		t.Fatal(err)
	}
	return path
}

// sameDisk compares a disk with what it should hold: the size, and all bytes except for the holes
// that both have in common.
func sameDisk(t *testing.T, want, got string) {
	t.Helper()
	w, err := os.Open(want)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	g, err := os.Open(got)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	size, err := w.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := g.Seek(0, io.SeekEnd); n != size || err != nil {
		t.Fatalf("%s has %d bytes, not %d (%v)", got, n, size, err)
	}
	a, b := make([]byte, 1<<20), make([]byte, 1<<20)
	for _, holes := range []*os.File{w, g} {
		for off := int64(0); off < size; {
			data, err := holes.Seek(off, unix.SEEK_DATA)
			if errors.Is(err, syscall.ENXIO) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			n := min(1<<20, size-data)
			if _, err := w.ReadAt(a[:n], data); err != nil {
				t.Fatal(err)
			}
			if _, err := g.ReadAt(b[:n], data); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a[:n], b[:n]) {
				t.Fatalf("%s differs within the MiB at %d", got, data)
			}
			off = data + n
		}
	}
}
