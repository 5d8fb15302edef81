package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// words splits a command line as it is written in these tables: ” is empty.
func words(line string) []string {
	out := strings.Fields(line)
	for i := range out {
		if out[i] == "''" {
			out[i] = ""
		}
	}
	return out
}

func TestFlagsMayStandAnywhere(t *testing.T) {
	for in, want := range map[string]string{
		"restorefs":                                   "restorefs",
		"restorefs materialize A B --force":           "restorefs materialize --force -- A B",
		"restorefs materialize A --share S B -j 3":    "restorefs materialize --share S -j 3 -- A B",
		"restorefs materialize A --share=S B --yes":   "restorefs materialize --share=S --yes -- A B",
		"restorefs materialize A -":                   "restorefs materialize -- A -",
		"restorefs --share S --json list":             "restorefs list --share S --json",
		"restorefs --share S show --json A":           "restorefs show --share S --json -- A",
		"restorefs materialize A -yj 3 B":             "restorefs materialize -y -j 3 -- A B",
		"restorefs verify A -json -jobs=2":            "restorefs verify -json -jobs=2 -- A",
		"restorefs show --json -- --odd":              "restorefs show --json -- --odd",
		"restorefs restore A -- -x.raw":               "restorefs restore -- A -x.raw",
		"restorefs restore A -- --force --":           "restorefs restore -- A --force --",
		"restorefs restore A --salvage -- keep":       "restorefs restore --salvage -- A keep",
		"restorefs restore A --salvage=keep keep":     "restorefs restore --salvage=keep -- A keep",
		"restorefs restore --salvage A keep":          "restorefs restore --salvage -- A keep",
		"restorefs restore A B --salvage --force":     "restorefs restore --salvage --force -- A B",
		"restorefs mount /m --json=x":                 "mount has no flag --json",
		"restorefs mount /m --refresh -1s":            "restorefs mount --refresh -1s -- /m",
		"restorefs mount /m --run=-c":                 "restorefs mount --run=-c -- /m",
		"restorefs overlay list D --json":             "restorefs overlay --json -- list D",
		"restorefs --version":                         "restorefs --version",
		"restorefs list --help":                       "restorefs list --help",
		"restorefs verify A B --jobs":                 "--jobs needs a value",
		"restorefs verify A B --cache-dir":            "--cache-dir needs a value",
		"restorefs materialize A B --share":           "--share needs a value",
		"restorefs verify A --jobs -- B":              "--jobs needs a value",
		"restorefs verify A --share --json":           "looks like another flag; if it is the value, write --share=--json",
		"restorefs --share --json list":               "looks like another flag",
		"restorefs --share list":                      "no command: --share alone does nothing",
		"restorefs materialize A B --salvage keep":    "could mean two things: write --salvage=keep",
		"restorefs materialize A B -jy 3":             "-j takes a value, so write it by itself",
		"restorefs list --jsn":                        "list has no flag --jsn: did you mean --json?",
		"restorefs --jsn list":                        "no command has the flag --jsn",
		"restorefs list ---json":                      "list has no flag",
		"restorefs list -=x":                          "list has no flag",
		"restorefs nonsense A --b":                    "no command \"nonsense\"; ",
		"restorefs mout A":                            "no command \"mout\": did you mean mount?",
		"restorefs -- list":                           "\"--\" stands before the command",
		"restorefs materialize A B --salvage=all":     "--salvage all: it is zero or keep",
		"restorefs materialize A B --jobs two":        "--jobs two: it is a whole number",
		"restorefs mount --refresh 10 /m":             "--refresh 10: it is a time with its unit, such as 10s",
		"restorefs list --json=maybe":                 "--json maybe: it is a switch",
		"restorefs mount /m --backup a,,b":            "one of its values is empty",
		"restorefs materialize A B --volume '' --yes": "--volume has an empty value",
		"restorefs verify A --target ''":              "--target has an empty value",
		"restorefs verify A --target=":                "--target has an empty value",
		"restorefs --share= list":                     "--share has an empty value",
	} {
		args, err := cmdline.Arrange(newApp(), words(in))
		if !strings.HasPrefix(want, "restorefs") {
			if err == nil || !strings.Contains(err.Error(), want) ||
				exitcode.Of(err) != exitcode.Usage {
				t.Errorf("%s: %v, %q, not %s", in, err, args, want)
			}
		} else if err != nil || !slices.Equal(args, words(want)) {
			t.Errorf("%s: %v, %s", in, err, strings.Join(args, " "))
		}
	}
}

// A variable that a script has not set must never mean the same as no flag.
func TestNoFlagOfAnyCommandTakesAnEmptyValue(t *testing.T) {
	unwatched(t)
	n := 0
	for _, command := range newApp().Commands {
		for _, f := range command.Flags {
			if cmdline.KindOf(f) != cmdline.ValueNeeded {
				continue
			}
			for _, name := range f.Names() {
				for _, line := range [][]string{{cmdline.FlagWord(name), ""},
					{cmdline.FlagWord(name) + "="}, {cmdline.FlagWord(name), " "}} {
					n++
					_, err := cmdline.Arrange(newApp(),
						append([]string{"restorefs", command.Name, "A"}, line...))
					if err == nil || exitcode.Of(err) != exitcode.Usage ||
						!strings.Contains(err.Error(),
							cmdline.FlagWord(name)+" has an empty value") {
						t.Errorf("%s %q: %v", command.Name, line, err)
					}
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d were tried", n)
	}
}

func TestAnExportedVariableThatIsEmptyCountsAsNotSet(t *testing.T) {
	unwatched(t)
	share, b := smallShare(t)
	for _, name := range []string{"RESTOREFS_CACHE_DIR", "RESTOREFS_SHARE", "RESTOREFS_CINDER_CONF",
		"OS_CLOUD"} {
		t.Setenv(name, "")
	}
	cache := t.TempDir()
	cmd := program(t, "index", "--share", share, b.ID)
	cmd.Env = append(cmd.Env, "XDG_CACHE_HOME="+cache)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := os.Stat(filepath.Join(cache, "restorefs", "index")); err != nil {
		t.Errorf("the default is blanked: %v", err)
	}
	if _, stderr, code := restorefs(t, "list"); code != exitcode.Usage ||
		!strings.Contains(stderr, "no share given") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// A script with a variable that is not set must not mount over its working directory.
func TestAnArgumentThatIsEmptyIsWrongUsage(t *testing.T) {
	unwatched(t)
	share, b := smallShare(t)
	for _, args := range [][]string{{"mount", ""}, {"unmount", ""}, {"materialize", b.ID, ""},
		{"verify", ""}, {"overlay", "list", ""}} {
		cmd := program(t, args...)
		cmd.Env = append(cmd.Env, "RESTOREFS_SHARE="+share)
		cmd.Dir = t.TempDir()
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != exitcode.Usage ||
			!strings.Contains(string(out), "is empty") {
			t.Errorf("%q: exit %d: %s", args, code, out)
		}
	}
	if _, stderr, code := restorefs(t, "list", "--share", share, b.ID); code != exitcode.Usage ||
		!strings.Contains(stderr, "list takes no argument") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
