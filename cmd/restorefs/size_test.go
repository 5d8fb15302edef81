package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/places"
)

func TestMoreJobsThanAnyMachineGainsFromAreWrongUsage(t *testing.T) {
	unwatched(t)
	for args, want := range map[string]int{"--jobs 0": exitcode.Done, "--jobs 1024": exitcode.Done,
		"-j 1025": exitcode.Usage, "--jobs -1": exitcode.Usage,
		"--jobs 2000000000": exitcode.Usage} {
		app := newApp()
		for _, c := range app.Commands {
			c.Action = func(*cli.Context) error { return nil }
		}
		err := app.Run(append([]string{"restorefs", "verify"}, strings.Fields(args)...))
		if exitcode.Of(err) != want || want != exitcode.Done &&
			!strings.Contains(err.Error(), "--jobs") {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestADirectoryThatIsNotThereIsNamed(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("TMPDIR", none)
	if _, err := places.Temp("x-"); err == nil || !strings.Contains(err.Error(),
		none+", which is for temporary files (TMPDIR") {
		t.Errorf("%v", err)
	}
	for where, says := range map[string]string{"mount": none,
		"getwd": "the working directory is gone"} {
		err := error(&os.PathError{Op: "stat", Path: none, Err: os.ErrNotExist})
		if where == "getwd" {
			err = os.NewSyscallError("getwd", os.ErrNotExist)
		}
		if text := exitcode.Explain(err); !strings.Contains(text, says) {
			t.Errorf("%s: %s", where, text)
		}
	}
}
