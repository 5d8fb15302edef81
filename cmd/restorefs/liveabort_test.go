package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/restorefs/restorefs/cmd/exitcode"
	statefile "github.com/restorefs/restorefs/materialize/live"
)

func TestALiveRestoreIsAborted(t *testing.T) {
	share, id, _ := incremental(t, 24<<20)
	device := oldDisk(t, liveSize)
	records := t.TempDir()
	flags := []string{"live", "--share", share, "--record", records}
	_, stderr, code := restorefs(t, append(flags, "--abort", "--yes", device)...)
	if code != exitcode.Usage || !strings.Contains(stderr, "no live restore") {
		t.Errorf("nothing was begun: exit %d: %s", code, stderr)
	}
	r := startLive(t, "--share", share, "--record", records, "--file", t.TempDir(), "--force", "--yes", "--bwlimit", "1MiB", id, device)
	r.cmd.Process.Signal(syscall.SIGTERM)
	r.end()
	out, stderr, code := restorefs(t, append(flags, "--abort", device)...)
	if code != exitcode.Usage || !strings.Contains(stderr, "--yes") {
		t.Errorf("without an answer: exit %d: %s%s", code, out, stderr)
	}
	out, stderr, code = restorefs(t, append(flags, "--abort", "--yes", device)...)
	if code != exitcode.Done || !strings.Contains(out, "not a disk to use") {
		t.Errorf("exit %d: %s%s", code, out, stderr)
	}
	if left, _ := filepath.Glob(filepath.Join(records, "live/*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	_, stderr, code = restorefs(t, append(flags, "--file", t.TempDir(), "--resume", device)...)
	if code != exitcode.Usage || !strings.Contains(stderr, "no live restore") {
		t.Errorf("going on: exit %d: %s", code, stderr)
	}
}

// What a state file says is not what tells whether a process is at it.
func TestADamagedLiveRestoreIsNotAbortedUnderWhoIsAtIt(t *testing.T) {
	share, _, _ := incremental(t, 24<<20)
	device, state := oldDisk(t, liveSize), filepath.Join(t.TempDir(), "state")
	damaged := append([]byte("RFSlive\n\x01\x00\x00\x00"), make([]byte, 64<<10)...)
	if err := os.WriteFile(state, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"live", "--share", share, "--state", state, "--abort", "--yes", device}
	release, err := statefile.Lock(state)
	if err != nil {
		t.Fatal(err)
	}
	_, stderr, code := restorefs(t, args...)
	if _, err := os.Stat(state); err != nil || code == exitcode.Done || !strings.Contains(stderr, "another process") {
		t.Errorf("exit %d, %v: %s", code, err, stderr)
	}
	release()
	if _, stderr, code = restorefs(t, args...); code != exitcode.Done {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Errorf("the state file is there: %v", err)
	}
}

func TestAbortLeavesAFileOfAnotherKindAlone(t *testing.T) {
	share, _, _ := incremental(t, 24<<20)
	device, file := oldDisk(t, liveSize), filepath.Join(t.TempDir(), "notes")
	if err := os.WriteFile(file, []byte("mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := restorefs(t, "live", "--share", share, "--state", file, "--abort", "--yes", device)
	if code != exitcode.Failed || !strings.Contains(stderr, file+": it is no state file of a live restore") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if left, err := os.ReadFile(file); err != nil || string(left) != "mine\n" {
		t.Errorf("%q, %v", left, err)
	}
}

// noDevice is a device of which nothing is read or written.
type noDevice struct{ statefile.Device }

func (noDevice) Sync() error { return nil }

// A run that is killed when all is done leaves its state file.
func TestALiveRestoreThatIsCompleteIsNotGoneOnWith(t *testing.T) {
	share, id, _ := incremental(t, 24<<20)
	device, state := oldDisk(t, liveSize), filepath.Join(t.TempDir(), "state")
	v, err := statefile.Create(state, statefile.Key{Backup: id, Size: 24 << 20, Device: "a disk", DeviceSize: liveSize},
		statefile.Names{Device: device}, nil, nil, noDevice{}, statefile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []statefile.Event{statefile.Filled, statefile.Proven, statefile.HandedOver} {
		if _, err := v.Advance(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	args := []string{"live", "--share", share, "--state", state}
	_, stderr, code := restorefs(t, append(args, "--resume", "--file", t.TempDir(), device)...)
	if code != exitcode.Usage || !strings.Contains(stderr, "is complete, and "+device+" is the volume") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	out, stderr, code := restorefs(t, append(args, "--abort", "--yes", device)...)
	if _, err := os.Stat(state); code != exitcode.Done || !os.IsNotExist(err) || !strings.Contains(out, "the volume") {
		t.Errorf("exit %d, %v: %s%s", code, err, out, stderr)
	}
}
