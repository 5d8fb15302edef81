package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

func TestAnInterruptedRestoreSaysTheCommandThatContinues(t *testing.T) {
	share, id, want := incremental(t, 16<<20)
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		target := filepath.Join(t.TempDir(), "a disk")
		cmd := program(t, "materialize", "--share", share, "--bwlimit", "6M", id, target)
		var out, errOut bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errOut
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitWritten(target)
		cmd.Process.Signal(signal)
		cmd.Wait()
		stderr := errOut.String()
		failed(t, out.String(), stderr, cmd.ProcessState.ExitCode(), exitcode.Failed,
			"interrupted: stopped before the end, what was written is safe")
		_, command, _ := strings.Cut(stderr, "to continue:  ")
		command = strings.TrimSpace(command)
		if command != "restorefs materialize --share "+share+" --bwlimit 6M "+id+" '"+target+"'" {
			t.Errorf("%s", stderr)
		}
		if missing := wrongBytes(t, want, target); missing == 0 || missing == int64(len(want)) {
			t.Errorf("%d bytes are missing", missing)
		}
		if result := restored(t, want, target, "--share", share, id,
			target); result.BytesSkipped == 0 {
			t.Errorf("the second run began anew: %+v", result)
		}
	}
}

// waitWritten waits until a sparse file has data.
func waitWritten(path string) {
	var st syscall.Stat_t
	for range 2000 {
		if syscall.Stat(path, &st) == nil && st.Blocks > 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	share, id, _ := incremental(t, 16<<20)
	real := t.TempDir()
	if err := os.WriteFile(filepath.Join(real, "disk"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir, say, _ := passThrough(t, real)
	say("stuck disk")
	cmd := program(t, "materialize", "--share", share, "--bwlimit", "6M", id,
		filepath.Join(dir, "disk"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitWritten(filepath.Join(real, "disk"))
	cmd.Process.Signal(syscall.SIGINT)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
		t.Fatalf("it did not wait for the flush: %v", cmd.ProcessState)
	case <-time.After(500 * time.Millisecond):
	}
	cmd.Process.Signal(syscall.SIGINT)
	<-ended
	if s := cmd.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() ||
		s.Signal() != syscall.SIGINT {
		t.Errorf("%v", cmd.ProcessState)
	}
}

func TestNothingIsOverwrittenUnlessTheOperatorSaysSo(t *testing.T) {
	firstPass(t)
	share, id := cloudBackup(t, storetest.Volume{Name: "db"})
	content := bytes.Repeat([]byte("precious"), 1<<10)
	for name, test := range map[string]struct {
		answer string // "" leaves no terminal, "^C" interrupts
		code   int
		want   string
	}{
		"yes":       {"y\n", exitcode.Done, ""},
		"YES":       {"YES\n", exitcode.Done, ""},
		"no":        {"n\n", exitcode.Failed, "not confirmed, nothing was written"},
		"nothing":   {"\n", exitcode.Failed, "not confirmed, nothing was written"},
		"the end":   {"\x04", exitcode.Failed, "not confirmed, nothing was written"},
		"something": {"yep\n", exitcode.Failed, "not confirmed, nothing was written"},
		"a signal":  {"^C", exitcode.Failed, "interrupted: nothing was written"},
		"nobody to ask": {"", exitcode.Usage,
			"nothing was written: nobody can be asked here, say --yes"},
	} {
		t.Run(name, func(t *testing.T) {
			target := filepath.Join(t.TempDir(), "disk")
			if err := os.WriteFile(target, content, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := program(t, "materialize", "--share", share, "--force", id, target)
			var errOut waiting
			errOut.want, errOut.then = "Write to it? [y/N] ", make(chan struct{})
			cmd.Stderr = &errOut
			if test.answer != "" {
				ours, its := terminal(t, 80)
				cmd.Stdin = its
				go func() {
					<-errOut.then
					if test.answer == "^C" {
						cmd.Process.Signal(os.Interrupt)
					} else {
						ours.WriteString(test.answer)
					}
				}()
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			cmd.Wait()
			f, err := os.Open(target)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			now := make([]byte, len(content))
			if _, err := f.ReadAt(now, 0); err != nil {
				t.Fatal(err)
			}
			said := errOut.text.String()
			if code := cmd.ProcessState.ExitCode(); code != test.code ||
				!strings.Contains(said, test.want) || bytes.Equal(now, content) == (code == 0) {
				t.Errorf("exit %d: %s", code, said)
			}
			if test.answer != "" && !strings.Contains(said, "force   it is not blank") {
				t.Errorf("what is overwritten is not told: %s", said)
			}
		})
	}
}
