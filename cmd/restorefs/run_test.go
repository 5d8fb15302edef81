package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestRunMountsRunsAndUnmounts(t *testing.T) {
	needMount(t)
	share, b := smallShare(t)
	mountpoint := t.TempDir()
	leaveNothing(t, mountpoint)
	for _, test := range []struct {
		name, command, stdout string
		code                  int
	}{
		{"its output is what comes out", `ls "$RESTOREFS_MOUNT/backups"`, b.ID + "\n", 0},
		{"its exit code is ours", "exit 37", "", 37},
		{"a signal is 128 and its number", "kill -KILL $$", "", 137},
	} {
		t.Run(test.name, func(t *testing.T) {
			stdout, stderr, code := restorefs(t, "mount", "--share", share, "--run", test.command,
				mountpoint)
			if stdout != test.stdout || stderr != "" || code != test.code {
				t.Errorf("exit %d: %q, %s", code, stdout, stderr)
			}
			if _, ok := mountAt(t, mountpoint); ok {
				t.Error("still mounted")
			}
		})
	}
	t.Run("signals are the command's", func(t *testing.T) {
		cmd := program(t, "mount", "--share", share, mountpoint, "--run",
			`trap 'echo got it; exit 5' TERM; echo up; while :; do sleep 0.05; done`)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		up := make([]byte, 3)
		if _, err := out.Read(up); err != nil {
			t.Error(err)
		}
		cmd.Process.Signal(syscall.SIGTERM)
		var rest bytes.Buffer
		rest.ReadFrom(out)
		cmd.Wait()
		if rest.String() != "got it\n" || cmd.ProcessState.ExitCode() != 5 {
			t.Errorf("%q, %v", rest.String(), cmd.ProcessState)
		}
		if _, ok := mountAt(t, mountpoint); ok {
			t.Error("still mounted")
		}
	})
}

// A service or container that was started meanwhile keeps a copy of the mount.
func TestRunEndsAtTheFirstSignalWhereItsMountIsKept(t *testing.T) {
	needMount(t)
	share, _ := smallShare(t)
	mountpoint := t.TempDir()
	leaveNothing(t, mountpoint)
	fifo := filepath.Join(t.TempDir(), "end")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	// The command ends when the namespace is there, however slow the machine.
	there := filepath.Join(t.TempDir(), "there")
	cmd := program(t, "mount", "--share", share, mountpoint, "--run",
		`unshare --mount sh -c 'echo kept; : >`+there+`; exec cat `+fifo+`' >&2 &
		until [ -e `+there+` ]; do sleep 0.01; done; exit 7`)
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end, err := os.OpenFile(fifo, os.O_WRONLY, 0) // cat has opened it, so the namespace exists
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	text := ""
	for p := make([]byte, 4096); !strings.Contains(text, "a signal ends it at once"); {
		n, err := said.Read(p)
		if text += string(p[:n]); err != nil {
			t.Fatalf("it ended: %v: %s", err, text)
		}
	}
	if !strings.Contains(text, "in another mount namespace, with ") ||
		strings.Contains(text, "second") {
		t.Errorf("said: %s", text)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() == 0 {
		t.Errorf("%v", cmd.ProcessState)
	}
}
