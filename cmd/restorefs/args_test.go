package main

import (
	"slices"
	"strings"
	"testing"
)

func TestFlagsMayStandBehindArguments(t *testing.T) {
	for in, want := range map[string]string{
		"restorefs":                                 "restorefs",
		"restorefs materialize A B --force":         "restorefs materialize --force A B",
		"restorefs materialize A --share S B -j 3":  "restorefs materialize --share S -j 3 A B",
		"restorefs materialize A --share=S B --yes": "restorefs materialize --share=S --yes A B",
		"restorefs materialize A -":                 "restorefs materialize A -",
		"restorefs show --json -- --odd":            "restorefs show --json -- --odd",
		"restorefs nonsense A --b":                  "restorefs nonsense A --b",
	} {
		got := flagsFirst(newApp(), strings.Fields(in))
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %s", in, strings.Join(got, " "))
		}
	}
}

// A script whose variable is not set must not mount over its working directory.
func TestAnArgumentThatIsEmptyIsWrongUsage(t *testing.T) {
	share, b := smallShare(t)
	for _, args := range [][]string{{"mount", ""}, {"unmount", ""}, {"materialize", b.ID, ""}, {"verify", ""}, {"overlay", "list", ""}} {
		cmd := program(t, args...)
		cmd.Env = append(cmd.Env, "RESTOREFS_SHARE="+share)
		cmd.Dir = t.TempDir()
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != exitUsage || !strings.Contains(string(out), "is empty") {
			t.Errorf("%q: exit %d: %s", args, code, out)
		}
	}
	if _, stderr, code := restorefs(t, "list", "--share", share, b.ID); code != exitUsage || !strings.Contains(stderr, "list takes no arguments, 1 ") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
