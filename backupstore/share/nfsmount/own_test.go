package nfsmount

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func never(hang chan struct{}) func() (*share.Dir, error) {
	return func() (*share.Dir, error) { <-hang; return nil, errors.New("late") }
}

// skip skips a test, unless the machine is meant to run all tests.
func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	need.Missing(t, format, args...)
}

// fakeMount puts a program mount first in PATH that records its arguments and
// runs body with $target and $mount, the real program.
func fakeMount(t *testing.T, body string) (calls string) {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "needs root to mount")
	}
	dir := t.TempDir()
	calls = filepath.Join(dir, "calls")
	script := "#!/bin/sh\necho \"$*\" >>" + calls + "\nfor target; do :; done\n" + body + "\n"
	if err := os.WriteFile(filepath.Join(dir, "mount"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("REAL_PATH", os.Getenv("PATH"))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return calls
}

// bind is a body for fakeMount that mounts dir.
func bind(dir string) string { return "PATH=$REAL_PATH mount --bind " + dir + " \"$target\"" }

// exported returns a directory that stands for an export.
func exported(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sub", "f"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func ownOptionsOf(t *testing.T) Options {
	t.Helper()
	runtime := filepath.Join(t.TempDir(), "run")
	t.Cleanup(func() {
		text, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil || strings.Contains(string(text), runtime) {
			t.Errorf("a mount is left: %v", err)
		}
	})
	return Options{mountinfo: asMounts(t), runtime: runtime}
}

func TestAnOwnMountIsDetachedAndCanBeRead(t *testing.T) {
	dir := exported(t)
	calls := fakeMount(t, bind(dir))
	o := ownOptionsOf(t)
	o.MountOptions = "vers=3,rw"
	s, where, err := Open(t.Context(), export(t, "N1:/e x"), o)
	if err != nil || where != "" || s.String() != "N1:/e x" {
		t.Fatalf("%q %v", where, err)
	}
	defer s.Close()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(text), o.runtime) {
		t.Fatalf("it is seen: %v", err)
	}
	if left, err := os.ReadDir(o.runtime); err != nil || len(left) != 0 {
		t.Errorf("left: %v %v", left, err)
	}
	entries, _, err := s.ReadDir(t.Context(), ".", func(string) bool { return true })
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v %v", entries, err)
	}
	f, err := s.Open(t.Context(), "sub/f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 7)
	if _, err := f.ReadAt(t.Context(), p, 0); err != nil || string(p) != "content" {
		t.Errorf("%q %v", p, err)
	}
	got, err := os.ReadFile(calls)
	if want := "-n -t nfs -o vers=3,rw,ro,nosuid,nodev,noexec,nolock N1:/e x " + o.runtime + "/" + ownPrefix; err != nil || !strings.HasPrefix(string(got), want) {
		t.Errorf("called with %q, not %q", got, want)
	}
}

// The directory for mounts may lie on the export that is to be mounted: / may be on that server.
func TestNothingIsMadeForAMountWhereNothingMayBeWritten(t *testing.T) {
	calls := fakeMount(t, bind(exported(t)))
	o := ownOptionsOf(t)
	refused := errors.New("it is on the share")
	asked := ""
	o.Writable = func(dir string) error { asked = dir; return refused }
	_, _, err := Open(t.Context(), export(t, "n:/e"), o)
	if !errors.Is(err, refused) || !errors.Is(err, ErrMount) || asked != o.runtime {
		t.Errorf("%v, asked for %q", err, asked)
	}
	for _, path := range []string{o.runtime, calls} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s was made", path)
		}
	}
}

func TestMountsThatAKilledRunLeftAreDetached(t *testing.T) {
	dir := exported(t)
	fakeMount(t, bind(dir))
	o := ownOptionsOf(t)
	left := filepath.Join(o.runtime, ownPrefix+"1")
	if err := errors.Join(os.Mkdir(o.runtime, 0o700), os.Mkdir(left, 0o700), unix.Mount(dir, left, "", unix.MS_BIND, "")); err != nil {
		t.Fatal(err)
	}
	s, _, err := Open(t.Context(), export(t, "n:/e"), o)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if names, err := os.ReadDir(o.runtime); err != nil || len(names) != 0 {
		t.Errorf("left: %v %v", names, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "sub", "f")); err != nil {
		t.Error(err)
	}
}

func TestAFailureToMountSaysWhatToDo(t *testing.T) {
	for body, says := range map[string]string{
		"echo 'mount.nfs: access denied by server while mounting n:/e' >&2; exit 32": "access denied by server",
		"exit 0": "nothing is mounted",
		"PATH=$REAL_PATH mount -t tmpfs t \"$target\"; echo half >&2; exit 32": "half",
		"kill -9 $$": "signal: killed",
	} {
		t.Run(says, func(t *testing.T) {
			fakeMount(t, body)
			o := ownOptionsOf(t)
			_, _, err := Open(t.Context(), export(t, "n:/e"), o)
			if !errors.Is(err, ErrMount) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "mount -t nfs -o ro n:/e DIRECTORY") {
				t.Error(err)
			}
			if strings.Contains(says, "denied") {
				t.Log(err)
			}
		})
	}
}

func TestMountingEndsWithItsContext(t *testing.T) {
	fakeMount(t, "sleep 100 & sleep 100")
	o := ownOptionsOf(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, _, err := Open(ctx, export(t, "n:/e"), o); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// lines is a log that sends each line.
type lines chan string

func (l lines) Write(p []byte) (int, error) { l <- string(p); return len(p), nil }

// If the server does not answer, mount.nfs waits silently for minutes.
func TestAMountThatHangsIsReported(t *testing.T) {
	fakeMount(t, "trap '' INT TERM HUP; sleep 100")
	o := ownOptionsOf(t)
	said := make(lines, 9)
	o.Logger = slog.New(slog.NewTextHandler(said, nil))
	o.tellAfter = 20 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, _, err := Open(ctx, export(t, "n:/e"), o); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if got := <-said; !strings.Contains(got, "waiting for it") || !strings.Contains(got, "n:/e") || len(said) > 0 {
		t.Errorf("said: %q, and %d lines more", got, len(said))
	}
	if time.Since(start) > time.Minute {
		t.Errorf("it took %v", time.Since(start))
	}
}

func TestADirectoryOfOthersIsNotMountedIn(t *testing.T) {
	fakeMount(t, "exit 1")
	o := ownOptionsOf(t)
	if err := errors.Join(os.Mkdir(o.runtime, 0o700), os.Chmod(o.runtime, 0o777)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(t.Context(), export(t, "n:/e"), o); err == nil || !strings.Contains(err.Error(), "root's own") {
		t.Error(err)
	}
}

// hanging is a file system on which reading the root hangs.
type hanging struct {
	fs.Inode
	until chan struct{}
}

func (h *hanging) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	<-h.until
	return nil, syscall.EIO
}

func TestADeadMountIsSkipped(t *testing.T) {
	dir := exported(t)
	fakeMount(t, bind(dir))
	o := ownOptionsOf(t)
	o.patience, o.Own = 200*time.Millisecond, t.TempDir()
	until := make(chan struct{})
	server, err := fs.Mount(o.Own, &hanging{until: until}, &fs.Options{MountOptions: fuse.MountOptions{DirectMount: true}})
	if err != nil {
		skip(t, "FUSE cannot be used here: %v", err)
	}
	t.Cleanup(func() {
		close(until)
		for server.Unmount() != nil {
			time.Sleep(10 * time.Millisecond)
		}
	})
	o.mountinfo = "" // the process's own, which has the dead mount, of FUSE
	start := time.Now()
	s, where, err := Open(t.Context(), export(t, "n:/e"), o)
	if err != nil || where != "" || time.Since(start) > 30*time.Second {
		t.Fatalf("%q %v", where, err)
	}
	s.Close()
}

func TestTheKernelsServerIsNotTakenForItsClient(t *testing.T) {
	for known, want := range map[string]bool{
		"nodev\tsysfs\nnodev\tnfsd\n": false, "nodev\tnfsd\nnodev\tnfs\n": true, "nodev\tnfs4\n": true, "": false,
	} {
		if hasClient(known) != want {
			t.Errorf("%q", known)
		}
	}
}
