package main

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// recipe is a transcript of the README: commands, and what they print.
type recipe struct {
	heading string
	script  string // of all its commands, as sh runs it
	printed string // a line "..." stands for any lines
}

// recipes returns the transcripts of a part of the README. Where somebody is asked, the command has
// --yes, and the question is left out.
func recipes(t *testing.T, from, to string) (list []recipe) {
	t.Helper()
	_, text, found := strings.Cut(documents(t)["README.md"], from)
	text, _, ends := strings.Cut(text, to)
	if !found || !ends {
		t.Fatalf("the README has no %q, or no %q behind it", from, to)
	}
	question := regexp.MustCompile(`(?m)^.*\? \[y/N\] y\n`)
	for part := range strings.SplitSeq(text, "\n### ") {
		heading, body, _ := strings.Cut(part, "\n")
		for _, m := range regexp.MustCompile("(?ms)^```\n(.*?)^```$").FindAllStringSubmatch(body, -1) {
			r := recipe{heading: heading}
			for line := range strings.Lines(question.ReplaceAllString(m[1], "")) {
				command, is := strings.CutPrefix(line, "$ ")
				switch {
				case is && question.MatchString(m[1]):
					r.script += strings.TrimSpace(command) + " --yes\n"
				case is:
					r.script += command
				default:
					r.printed += line
				}
			}
			list = append(list, r)
		}
	}
	return list
}

// taken is how long a restore took, the one thing in a recipe that is never the same.
var taken = regexp.MustCompile(`GiB in \d+\.\d s`)

// sameTranscript reports whether a transcript has what was printed.
func sameTranscript(transcript, printed string) bool {
	words := strings.Split(regexp.QuoteMeta(taken.ReplaceAllString(transcript, "GiB in 0.0 s")), "\n")
	for i, line := range words {
		if line == `\.\.\.` {
			words[i] = `(?:.*\n)*?.*`
		}
	}
	return regexp.MustCompile(`\A` + strings.Join(words, "\n") + `\z`).MatchString(
		taken.ReplaceAllString(printed, "GiB in 0.0 s"))
}

func TestATranscriptHasWhatWasPrinted(t *testing.T) {
	for printed, same := range map[string]bool{
		"a.\nb\nc 1 GiB in 2.5 s\n": true, "a.\nb\nb\nc 1 GiB in 0.1 s\n": true,
		"a.\nb\nc 2 GiB in 0.1 s\n": false, "ax\nb\nc 1 GiB in 0.1 s\n": false,
		"a.\nb\nc 1 GiB in 0.1 s\nd\n": false, "a.\n": false,
	} {
		if got := sameTranscript("a.\n...\nc 1 GiB in 0.0 s\n", printed); got != same {
			t.Errorf("%q: %v", printed, got)
		}
	}
}

// Each recipe of the README, by a shell, with the sample and directories of the test.
func TestTheReadmesRecipesPrintWhatItSays(t *testing.T) {
	unwatched(t)
	bin := t.TempDir()
	self := cmp.Or(os.Getenv("RESTOREFS_TEST_PROGRAM"), os.Args[0])
	if err := os.Symlink(self, bin+"/restorefs"); err != nil {
		t.Fatal(err)
	}
	share, err := filepath.Abs("sample")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("RESTOREFS_TEST_MAIN", "1")
	t.Setenv("RESTOREFS_SHARE", share)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("LC_ALL", "C.UTF-8")
	seen := map[string]bool{}
	for _, r := range recipes(t, "### 3. Do one of five things\n", "\n## ") {
		seen[r.heading] = true
		t.Run(r.heading, func(t *testing.T) { r.run(t) })
	}
	if len(seen) != 5 {
		t.Errorf("the README has %d recipes: %v", len(seen), seen)
	}
}

func (r recipe) run(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"XDG_CACHE_HOME", "XDG_STATE_HOME"} {
		t.Setenv(name, t.TempDir())
	}
	if err := os.MkdirAll(dir+"/srv/restore", 0o700); err != nil {
		t.Fatal(err)
	}
	there := []string{"/srv/", dir + "/srv/", "/mnt/", dir + "/mnt/"}
	back := []string{dir + "/srv/", "/srv/", dir + "/mnt/", "/mnt/"}
	switch {
	case strings.Contains(r.script, "/dev/vdb"):
		if os.Geteuid() != 0 {
			skip(t, "needs root for a loop device")
		}
		need(t, "losetup")
		device, _ := loopDevice(t, twoGiB(t))
		there, back = append(there, "/dev/vdb", device), append(back, device, "/dev/vdb")
	case strings.Contains(r.script, "--new-volume"):
		cloud := newCreatingServer(t)
		for _, pair := range append(noCloud(), cloud.Env()...) {
			name, value, _ := strings.Cut(pair, "=")
			t.Setenv(name, value)
		}
		there = append(there, "--device-path nfs", "--device-path '"+cloud.Dir+"/volume-{id}'")
		back = append(back, cloud.Dir+"/", "/var/lib/cinder/mnt/*/")
	case strings.Contains(r.script, "restorefs mount"):
		needMount(t)
		t.Cleanup(func() { // where it failed halfway
			exec.Command("umount", "-q", dir+"/mnt/disk").Run()
			exec.Command("umount", "-q", "-l", dir+"/mnt/restore").Run()
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "sh", "-ec",
		"exec 2>&1\n"+strings.NewReplacer(there...).Replace(r.script)).Output()
	printed := strings.NewReplacer(back...).Replace(string(out))
	if err != nil || !sameTranscript(r.printed, printed) {
		t.Errorf("%v: it prints\n%s\nthe README has\n%s", err, printed, r.printed)
	}
}

// noCloud returns empty variables for those of the environment that lead to a cloud.
func noCloud() (empty []string) {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OS_") {
			empty = append(empty, name+"=")
		}
	}
	return empty
}

// twoGiB makes a blank file of that size.
func twoGiB(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 2<<30); err != nil {
		t.Fatal(err)
	}
	return path
}
