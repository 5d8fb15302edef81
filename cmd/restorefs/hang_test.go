package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// While the share does not answer, readers can be killed, data in memory can be read, and the mount
// reports its status and can be unmounted.
func TestAShareThatHangsHoldsUpOnlyWhoWantsToWait(t *testing.T) {
	real := t.TempDir()
	hanging, other := smallBackup(t, real, "hanging"), smallBackup(t, real, "other")
	share, say, _ := passThrough(t, real)
	defer say("") // processes that wait for an answer cannot be killed
	mountpoint, server := mountShare(t, share, "--no-background-index")
	disk := func(b storetest.Backup) string {
		return filepath.Join(mountpoint, "backups", b.ID,
			"volume.raw")
	}
	read := func(b storetest.Backup, flags string) *exec.Cmd {
		return exec.Command("dd", "if="+disk(b), "of=/dev/null", "bs=64k", "count=2", "status=none",
			"iflag="+flags)
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
	}{{"direct", syscall.SIGTERM}, {"direct", syscall.SIGINT}, {"direct", syscall.SIGKILL},
		{"nocache", syscall.SIGINT}, {"nocache", syscall.SIGKILL}} {
		what := "a reader, " + r.flags + ", upon " + r.signal.String()
		reader := read(hanging, r.flags)
		if err := reader.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond) // time to get as far as possible
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
	eventually(t, "the status says that the share does not answer", func() bool {
		f := readStatus(t, mountpoint)
		return f.Backups == 2 && f.Errors.Waits > 0
	})
	// The kernel gives signals to this thread, which would not notice them while it waits for a
	// share.
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", server.Process.Pid)); err != nil ||
		!bytes.Contains(stat, []byte(") S ")) {
		t.Errorf("the server's first thread does not idle: %s, %v", stat, err)
	}
	server.Process.Signal(syscall.SIGTERM)
	eventually(t, "it is unmounted", func() bool { _, ok := mountAt(t, mountpoint); return !ok })
	say("")
	if err := within("the server", server); err != nil {
		t.Error(err)
	}
}

// A command that waits for a share that hangs says so, and ends on Ctrl-C; a restore says how to
// continue.
func TestCtrlCWhileTheShareHangs(t *testing.T) {
	firstPass(t)
	for _, files := range []string{"_metadata", "_sha256file", "-00001", "all"} { // that hang
		t.Run(files, func(t *testing.T) {
			t.Parallel()
			real := t.TempDir()
			b := smallBackup(t, real, "hanging")
			share, say, signal := passThrough(t, real)
			answers := func() {
				say("")
				signal(syscall.SIGCONT)
			}
			defer answers()
			if files == "all" {
				signal(syscall.SIGSTOP)
			} else {
				say("hangs " + files)
			}
			commands := [][]string{
				{"list"}, {"show", b.ID}, {"mount", t.TempDir()},
				{"verify", b.ID}, {"materialize", b.ID, filepath.Join(t.TempDir(), "disk.raw")},
				{"index", b.ID},
			}
			switch files {
			case "_sha256file":
				commands = commands[3:5] // the others read none at their beginning
			case "-00001":
				commands = commands[3:]
			}
			var running []*exec.Cmd
			for _, args := range commands {
				cmd := program(t, append([]string{args[0], "--share", share}, args[1:]...)...)
				cmd.Stderr = &waiting{want: "the share does not answer", then: make(chan struct{})}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				running = append(running, cmd)
			}
			for _, cmd := range running {
				said := cmd.Stderr.(*waiting)
				select {
				case <-said.then:
				case <-time.After(time.Minute):
					t.Errorf("%s: it does not say that it waits", cmd.Args[1])
				}
				cmd.Process.Signal(syscall.SIGINT)
				eventually(t, cmd.Args[1]+" ends", func() bool { return ending(t, cmd) })
			}
			answers()
			for i, cmd := range running {
				cmd.Wait()
				said := cmd.Stderr.(*waiting).text.String()
				if code := cmd.ProcessState.ExitCode(); code != 1 ||
					!strings.Contains(said, "restorefs: interrupted") ||
					strings.Contains(said, "canceled") {
					t.Errorf("%s: exit %d: %s", commands[i], code, said)
				}
				if files == "-00001" && commands[i][0] == "materialize" &&
					!strings.Contains(said, "to continue:  restorefs materialize") {
					t.Errorf("%s: it does not say how to continue: %s", commands[i], said)
				}
			}
		})
	}
}

// ending reports that a process has ended or called exit. Threads that wait for
// the pass-through have to stay until it answers; NFS would let them go.
func ending(t *testing.T, cmd *exec.Cmd) bool {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, state, _ := bytes.Cut(stat, []byte(") "))
	return state[0] == 'Z'
}
