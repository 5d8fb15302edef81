package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestARateThatIsASlipIsRefusedWithTheWayToWriteIt(t *testing.T) {
	for s, want := range map[string]int64{"0": 0, "4096": 4096, "1000000": 1e6, "4KiB": 4096, "5M": 5 << 20, "1.5GiB": 3 << 29} {
		if got, err := parseRate(s); err != nil || got != want {
			t.Errorf("%s: %d, %v, not %d", s, got, err, want)
		}
	}
	for s, says := range map[string]string{
		"5":   "--bwlimit 5 is 5 bytes a second, and 4KiB is the least; a number alone is bytes, MiB are written as 5MiB",
		"1K":  "1024 bytes a second, and 4KiB is the least; a number alone is bytes, MiB are written as 50MiB",
		"0.5": "0 bytes a second, and 4KiB is the least",
		"x":   "not a size",
	} {
		if _, err := parseRate(s); exitCode(err) != exitUsage || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestTheSizeOfAVolumeThatIsNotKnownIsNotZero(t *testing.T) {
	for n, want := range map[int64]string{0: "size not known", 1: "1 B", 1 << 30: "1 GiB"} {
		if got := volumeSize(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

func TestMoreJobsThanAnyMachineGainsFromAreWrongUsage(t *testing.T) {
	for args, want := range map[string]int{"--jobs 0": exitDone, "--jobs 1024": exitDone, "-j 1025": exitUsage, "--jobs -1": exitUsage, "--jobs 2000000000": exitUsage} {
		app := newApp()
		for _, c := range app.Commands {
			c.Action = func(*cli.Context) error { return nil }
		}
		err := app.Run(append([]string{"restorefs", "verify"}, strings.Fields(args)...))
		if exitCode(err) != want || want != exitDone && !strings.Contains(err.Error(), "--jobs") {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestADirectoryThatIsNotThereIsNamed(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("TMPDIR", none)
	if _, err := makeTemp("x-"); err == nil || !strings.Contains(err.Error(), none+", which is for temporary files (TMPDIR") {
		t.Errorf("%v", err)
	}
	for where, says := range map[string]string{"mount": none, "getwd": "the working directory is gone"} {
		err := error(&os.PathError{Op: "stat", Path: none, Err: os.ErrNotExist})
		if where == "getwd" {
			err = os.NewSyscallError("getwd", os.ErrNotExist)
		}
		if text := explain(err); !strings.Contains(text, says) {
			t.Errorf("%s: %s", where, text)
		}
	}
}
