package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/manual"
)

// shownCommands are the commands that help lists.
func shownCommands() []*cli.Command {
	return slices.DeleteFunc(newApp().Commands, func(c *cli.Command) bool { return c.Hidden })
}

// helpOf returns the help of a command or topic, "" for the program.
func helpOf(t *testing.T, name string) string {
	t.Helper()
	var out strings.Builder
	if err := book().Write(&out, newApp(), name, false); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestHelpFitsOnAScreen(t *testing.T) {
	unwatched(t)
	names := []string{"", "flags"}
	for _, topic := range book().Topics {
		names = append(names, topic.Name)
	}
	for _, c := range shownCommands() {
		names = append(names, c.Name)
	}
	for _, name := range names {
		text := helpOf(t, name)
		if n := strings.Count(text, "\n"); n > manual.Lines {
			t.Errorf("help %s has %d lines", name, n)
		}
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > manual.Columns {
				t.Errorf("help %s has a line of %d columns: %s", name, n, line)
			}
			if strings.HasSuffix(line, " \n") || strings.Contains(line, "`") {
				t.Errorf("help %s has a line that was not made well: %q", name, line)
			}
		}
	}
}

// A new flag gets its place in help by a word in cmd/manual/groups.go.
func TestHelpSaysForWhatEachFlagIs(t *testing.T) {
	unwatched(t)
	b, used := book(), map[string]bool{}
	for _, c := range shownCommands() {
		for _, f := range c.Flags {
			i := b.GroupOf(c.Name, f.Names()[0])
			if i < 0 {
				t.Errorf("%s --%s has no group: give it one in cmd/manual/groups.go",
					c.Name, f.Names()[0])
				continue
			}
			used[b.Groups[i].Title+f.Names()[0]] = true
		}
		for _, g := range b.Page(c).Groups {
			if len(g.Flags) > 20 {
				t.Errorf("%s: %s: %d flags are too many to find one", c.Name, g.Title, len(g.Flags))
			}
		}
	}
	for _, g := range b.Groups {
		for _, name := range g.Flags {
			if !used[g.Title+name] {
				t.Errorf("cmd/manual/groups.go: %s %s: no command has --%s", g.Command, g.Title, name)
			}
		}
	}
}

// A new command gets its examples in cmd/manual/examples.go and its place in sections.go.
func TestHelpBeginsWithExamplesThatCanBeTyped(t *testing.T) {
	unwatched(t)
	b, app := book(), newApp()
	for _, c := range shownCommands() {
		if len(b.Examples[c.Name]) == 0 {
			t.Errorf("%s has no example: give it one in cmd/manual/examples.go", c.Name)
		}
		listed := func(s manual.Section) bool { return slices.Contains(s.Commands, c.Name) }
		if !slices.ContainsFunc(b.Sections, listed) {
			t.Errorf("no section has %s: give it one in cmd/manual/sections.go", c.Name)
		}
		if text := helpOf(t, c.Name); !strings.HasPrefix(text, "restorefs "+c.Name+" - "+c.Usage+"\n\nEXAMPLES\n") {
			t.Errorf("help %s: %.100s", c.Name, text)
		}
	}
	quoted := regexp.MustCompile(`"[^"]*"|\S+`)
	for of, list := range b.Examples {
		if of != "" && app.Command(of) == nil {
			t.Errorf("cmd/manual/examples.go: there is no command %s", of)
		}
		for _, e := range list {
			line, _, _ := strings.Cut(strings.NewReplacer("source <(", "", "completion bash)", "completion bash").Replace(e.Line), " | ")
			line, _, _ = strings.Cut(line, " >")
			words := quoted.FindAllString(line, -1)
			if words[0] == "export" {
				continue
			}
			for i := range words {
				words[i] = strings.Trim(words[i], `"`)
			}
			args, err := cmdline.Arrange(app, words)
			if err != nil || words[0] != "restorefs" || of != "" && args[1] != of {
				t.Errorf("%s: %s: %v", of, e.Line, err)
			}
		}
	}
}

func TestHelpIsFoundByAllNames(t *testing.T) {
	unwatched(t)
	list := helpOf(t, "list")
	for _, args := range [][]string{{"list", "--help"}, {"list", "-h"}, {"help", "list"}, {"man", "list"}, {"--help", "list"}, {"list", "--all", "--help", "x"}} {
		if out, errs, code := restorefs(t, args...); code != exitcode.Done || errs != "" || out != list {
			t.Errorf("%q: exit %d: %s%s", args, code, errs, out)
		}
	}
	for _, args := range [][]string{{}, {"help"}, {"--help"}, {"-h"}} {
		if out, errs, code := restorefs(t, args...); code != exitcode.Done || errs != "" || out != helpOf(t, "") {
			t.Errorf("%q: exit %d: %s%s", args, code, errs, out)
		}
	}
	if out, _, _ := restorefs(t, "umount", "--help"); out != helpOf(t, "unmount") {
		t.Errorf("by an alias: %s", out)
	}
	all, _, _ := restorefs(t, "help", "--all", "materialize")
	if short := helpOf(t, "materialize"); len(all) <= len(short) || !strings.Contains(all, "wait for a server") {
		t.Errorf("all of a long one: %s", all)
	}
	if out, _, _ := restorefs(t, "help", "backup"); !strings.Contains(out, "VOLUME@TIME") {
		t.Errorf("of a topic: %s", out)
	}
	for line, says := range map[string]string{
		"help mout":     "did you mean mount?",
		"help a b":      "takes one COMMAND or TOPIC",
		"list --hlep":   "did you mean --help?",
		"mateialize":    "did you mean materialize?",
		"list --voume=": "did you mean --volume?",
		"--shar x list": "did you mean --share?",
	} {
		if _, errs, code := restorefs(t, strings.Fields(line)...); code != exitcode.Usage || !strings.Contains(errs, says) {
			t.Errorf("%s: exit %d: %s", line, code, errs)
		}
	}
	if _, errs, code := restorefs(t, "list", "--", "--help"); code != exitcode.Usage || !strings.Contains(errs, "takes no arguments") {
		t.Errorf("behind --: exit %d: %s", code, errs)
	}
}

// sheets returns the manual pages, as make man writes them.
func sheets(t *testing.T) map[string]string {
	t.Helper()
	b := book()
	b.Version, b.Date = "1.2.3", time.Unix(1764460800, 0)
	all := map[string]string{}
	for _, s := range b.Sheets(newApp()) {
		all[s.File()] = s.Roff
	}
	return all
}

func TestHelpAndManualPagesSayTheSame(t *testing.T) {
	unwatched(t)
	all := sheets(t)
	for _, name := range []string{"man1/restorefs.1", "man7/restorefs-share.7", "man8/mount.fuse.restorefs.8"} {
		if all[name] == "" {
			t.Errorf("there is no %s", name)
		}
	}
	plain := strings.NewReplacer(`\-`, "-", `\fB`, "", `\fI`, "", `\fR`, "", `\(aq`, "'", `\(dq`, `"`)
	for _, c := range shownCommands() {
		page := plain.Replace(all["man1/restorefs-"+c.Name+".1"])
		for _, want := range []string{".SH \"NAME\"\nrestorefs-" + c.Name + ` \- `, ".SH \"SYNOPSIS\"", ".SH \"EXAMPLES\"", ".SH \"EXIT STATUS\"", ".SH \"SEE ALSO\""} {
			if !strings.Contains(page, strings.ReplaceAll(want, `\- `, "- ")) {
				t.Errorf("the page of %s has no %q", c.Name, want)
			}
		}
		for _, f := range c.Flags {
			if !strings.Contains(page, "--"+f.Names()[0]) {
				t.Errorf("the page of %s has no --%s", c.Name, f.Names()[0])
			}
		}
		if !strings.Contains(all["man1/restorefs.1"], strings.ReplaceAll("restorefs-"+c.Name, "-", `\-`)) {
			t.Errorf("restorefs(1) does not name the page of %s", c.Name)
		}
	}
	helper := plain.Replace(all["man8/mount.fuse.restorefs.8"])
	for _, option := range []string{"allow_other", "disk_cache_size=SIZE", "cinder_conf=FILE"} {
		if !strings.Contains(helper, ".TP\n"+option+"\n") {
			t.Errorf("mount.fuse.restorefs(8) has no %s", option)
		}
	}
	if strings.Contains(helper, ".TP\ndaemon\n") {
		t.Error("mount.fuse.restorefs(8) has an option that is none")
	}
}

func TestManualPagesAreWellMade(t *testing.T) {
	unwatched(t)
	need(t, "mandoc", "man")
	dir := t.TempDir()
	var lint, files, shown []string
	for name, text := range sheets(t) {
		path := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
		if long := "restorefs-materialize.1 restorefs-share.7 mount.fuse.restorefs.8 restorefs.1"; strings.Contains(long, filepath.Base(name)) {
			shown = append(shown, path) // groff takes its time
		}
	}
	out, err := exec.Command("mandoc", append([]string{"-T", "lint", "-W", "warning"}, files...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		lint = append(lint, string(out))
	}
	cmd := exec.Command("man", append([]string{"--warnings", "-l"}, shown...)...)
	cmd.Env = append(os.Environ(), "MANROFFOPT=", "LC_ALL=C.UTF-8", "MAN_KEEP_STDERR=1", "PAGER=cat")
	var errs strings.Builder
	cmd.Stderr = &errs
	text, err := cmd.Output()
	if err != nil || errs.Len() > 0 || !strings.Contains(string(text), "restorefs help") {
		t.Errorf("man: %v: %s", err, errs.String())
	}
	if len(lint) > 0 {
		t.Errorf("mandoc: %s", strings.Join(lint, ""))
	}
}

func TestManualPagesAreTheSameAgain(t *testing.T) {
	unwatched(t)
	var texts []string
	for range 2 {
		dir := t.TempDir()
		cmd := program(t, "__man", dir)
		cmd.Env = append(cmd.Env, "SOURCE_DATE_EPOCH=1764460800", "HOME="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		text := run(t, "sh", "-c", "cd "+dir+" && cat man?/*")
		if !strings.Contains(text, `"2025\-11\-30"`) && !strings.Contains(text, `"2025-11-30"`) || strings.Contains(text, dir) {
			t.Errorf("%.200s", text)
		}
		texts = append(texts, text)
	}
	if texts[0] != texts[1] {
		t.Error("pages of one source differ")
	}
}
