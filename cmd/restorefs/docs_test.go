package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// documents returns the text of all documents, by their paths below the root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Glob("../../*.md")
	if err != nil || len(paths) == 0 || len(top) == 0 {
		t.Fatal(paths, top, err)
	}
	all := map[string]string{}
	for _, path := range append(paths, top...) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimPrefix(path, "../../")] = string(text)
	}
	return all
}

func TestEveryFlagIsInAGuide(t *testing.T) {
	var guides strings.Builder
	for path, text := range documents(t) {
		if path == "README.md" || strings.HasPrefix(path, "docs/guide-") {
			guides.WriteString(text)
		}
	}
	var look func(name string, flags []cli.Flag, commands []*cli.Command)
	look = func(name string, flags []cli.Flag, commands []*cli.Command) {
		for _, f := range flags {
			if !regexp.MustCompile(`--` + f.Names()[0] + `\b`).MatchString(guides.String()) {
				t.Errorf("%s: --%s is in no guide", name, f.Names()[0])
			}
		}
		for _, c := range commands {
			if !c.Hidden {
				look(c.Name, c.Flags, c.Subcommands)
			}
		}
	}
	app := newApp()
	look(app.Name, app.Flags, app.Commands)
}

func TestEveryFlagInADocumentIsOne(t *testing.T) {
	known := map[string]bool{"help": true, "version": true}
	var look func(flags []cli.Flag, commands []*cli.Command)
	look = func(flags []cli.Flag, commands []*cli.Command) {
		for _, f := range flags {
			for _, name := range f.Names() {
				known[name] = true
			}
		}
		for _, c := range commands {
			look(c.Flags, c.Subcommands)
		}
	}
	app := newApp()
	look(app.Flags, app.Commands)
	command := regexp.MustCompile(`(?m)^(?:\$ )?restorefs .*$|` + "`restorefs [^`]*`")
	for path, text := range documents(t) {
		for _, words := range command.FindAllString(text, -1) {
			words = regexp.MustCompile(`'.*'| \| .*`).ReplaceAllString(words, "") // what other programs run
			for _, flag := range regexp.MustCompile(`\s--([a-z-]+)`).FindAllStringSubmatch(words, -1) {
				if !known[flag[1]] {
					t.Errorf("%s: no command has --%s: %s", path, flag[1], words)
				}
			}
		}
	}
}

// anchor is what GitHub makes of a heading.
func anchor(heading string) string {
	heading = strings.ToLower(strings.TrimSpace(heading))
	heading = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(heading, "")
	return strings.ReplaceAll(heading, " ", "-")
}

func TestLinksInDocumentsLeadSomewhere(t *testing.T) {
	all := documents(t)
	anchors := func(path string) (list []string) {
		fenced := false
		for line := range strings.Lines(all[path]) {
			if strings.HasPrefix(line, "```") {
				fenced = !fenced
			}
			if words := strings.TrimLeft(line, "#"); !fenced && words != line && strings.HasPrefix(words, " ") {
				list = append(list, anchor(words))
			}
		}
		return list
	}
	for path, text := range all {
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			to, at, _ := strings.Cut(link[1], "#")
			file := filepath.Join(filepath.Dir(path), to)
			if to == "" {
				file = path
			}
			if _, err := os.Stat(filepath.Join("../..", file)); err != nil {
				t.Errorf("%s: %v", path, err)
			} else if at != "" && !slices.Contains(anchors(file), at) {
				t.Errorf("%s: %s has no heading #%s", path, file, at)
			}
		}
	}
}
