package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// While the share does not answer, who reads can be ended, what is in memory can
// be read, the mount tells about itself, and can be taken down.
func TestAShareThatHangsHoldsUpOnlyWhoWantsToWait(t *testing.T) {
	real := t.TempDir()
	hanging, other := smallBackup(t, real, "hanging"), smallBackup(t, real, "other")
	share, say, _ := passThrough(t, real)
	defer say("") // the kernel lets no process go that waits for an answer
	mountpoint, server := mountShare(t, share, "--no-background-index")
	disk := func(b storetest.Backup) string { return filepath.Join(mountpoint, "backups", b.ID, "volume.raw") }
	read := func(b storetest.Backup, flags string) *exec.Cmd {
		return exec.Command("dd", "if="+disk(b), "of=/dev/null", "bs=64k", "count=2", "status=none", "iflag="+flags)
	}
	within := func(what string, cmd *exec.Cmd) error {
		t.Helper()
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			return err
		case <-time.After(20 * time.Second):
			cmd.Process.Kill()
			say("")
			t.Fatalf("%s: it waits on", what)
			return nil
		}
	}
	if err := read(other, "direct").Run(); err != nil {
		t.Fatal(err)
	}
	say("hangs -00001")
	for _, r := range []struct {
		flags  string
		signal os.Signal
	}{{"direct", syscall.SIGTERM}, {"direct", syscall.SIGINT}, {"direct", syscall.SIGKILL}, {"nocache", syscall.SIGINT}, {"nocache", syscall.SIGKILL}} {
		what := "a reader, " + r.flags + ", upon " + r.signal.String()
		reader := read(hanging, r.flags)
		if err := reader.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond) // it gets as far as it can
		again := read(other, "direct")
		if err := again.Start(); err != nil {
			t.Fatal(err)
		}
		if err := within("a reader of what is in memory", again); err != nil {
			t.Errorf("what is in memory: %v", err)
		}
		reader.Process.Signal(r.signal)
		if within(what, reader) == nil {
			t.Errorf("%s: it got bytes", what)
		}
	}
	if f := readStatus(t, mountpoint); f.Backups != 2 {
		t.Errorf("%+v", f)
	}
	// The kernel gives a signal to this thread, and does not let it see it while it
	// waits for a share.
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", server.Process.Pid)); err != nil || !bytes.Contains(stat, []byte(") S ")) {
		t.Errorf("the server's first thread does not idle: %s, %v", stat, err)
	}
	server.Process.Signal(syscall.SIGTERM)
	eventually(t, "it is unmounted", func() bool { _, ok := mountAt(t, mountpoint); return !ok })
	say("")
	if err := within("the server", server); err != nil {
		t.Error(err)
	}
}
