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
	unwatched(t)
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
	unwatched(t)
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
			words = regexp.MustCompile(`'.*'| \| .*`).ReplaceAllString(words, "") // without arguments of other programs
			for _, flag := range regexp.MustCompile(`\s--([a-z-]+)`).FindAllStringSubmatch(words, -1) {
				if !known[flag[1]] {
					t.Errorf("%s: no command has --%s: %s", path, flag[1], words)
				}
			}
		}
	}
}

// anchor returns the anchor that GitHub gives a heading.
func anchor(heading string) string {
	heading = strings.ToLower(strings.TrimSpace(heading))
	heading = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(heading, "")
	return strings.ReplaceAll(heading, " ", "-")
}

func TestLinksInDocumentsLeadSomewhere(t *testing.T) {
	unwatched(t)
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

// The contents of a disk can mislead a program that guesses its format, so every command that reads
// a disk names the format.
func TestCommandsInDocumentsNameTheFormat(t *testing.T) {
	unwatched(t)
	texts := documents(t)
	for _, pattern := range []string{"../../packaging/*.*", "../../packaging/Containerfile", "../../packaging/*/*.sh", "../../cmd/records/*.sh", "../../cmd/restorefs/sample/README.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatal(pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = string(text)
		}
	}
	var help func(c *cli.Command)
	help = func(c *cli.Command) {
		texts["the help of "+c.Name] = c.Description + "\n" + c.UsageText
		for _, f := range c.Flags {
			texts["the help of "+c.Name] += "\n" + f.String()
		}
		for _, sub := range c.Subcommands {
			help(sub)
		}
	}
	for _, c := range newApp().Commands {
		help(c)
	}
	for path, text := range texts {
		for _, command := range unformatted(text) {
			t.Errorf("%s: a command that guesses the format: %s", path, command)
		}
	}
}

// unformatted finds the commands that read a disk without naming its format, up to the end of the
// line or of the words in backquotes.
func unformatted(text string) []string {
	reads := regexp.MustCompile("(?:qemu-img\\s(?:convert|info|compare|map|check|measure|dd|create|rebase)|qemu-nbd|qemu-io|nbdkit|guestmount|guestfish|virt-[a-z]+)" +
		"\\s[^\\n`]*(?:\\n[^`\\n]*`)?|qemu-system-[^\\n]*-(?:drive|hda|cdrom)[^\\n]*|<driver[^\\n>]*>")
	disk := regexp.MustCompile(`\.raw\b|\.qcow2\b|\.img\b|/dev/|<driver`)
	names := regexp.MustCompile(`\s(?:-f |-F |--format[= ])(?:raw|qcow2)|format=(?:raw|qcow2)|type='raw'`)
	backing := regexp.MustCompile(`\s-F (?:raw|qcow2)`)
	var found []string
	for _, command := range reads.FindAllString(strings.ReplaceAll(text, "\\\n", " "), -1) {
		if !disk.MatchString(command) {
			continue
		}
		if !names.MatchString(command) || strings.Contains(command, " create ") && strings.Contains(command, " -b ") && !backing.MatchString(command) {
			found = append(found, strings.TrimSpace(command))
		}
	}
	return found
}

func TestACommandThatGuessesTheFormatIsFound(t *testing.T) {
	unwatched(t)
	for command, bad := range map[string]bool{
		"$ qemu-img convert -O qcow2 volume.raw disk.qcow2":                true,
		"$ qemu-img convert -f raw -O qcow2 volume.raw disk.qcow2":         false,
		"see `qemu-img info volume.raw` for more":                          true,
		"see `qemu-img\nconvert -O qcow2 vm.qcow2 whole.qcow2`.":           true,
		"qemu-img create -f qcow2 -b $PWD/volume.raw over.qcow2":           true,
		"qemu-img create -q -f qcow2 -b $PWD/volume.raw -F raw over.qcow2": false,
		"$ guestmount --ro -a volume.raw -m /dev/sda1 /mnt":                true,
		"$ guestmount --format=raw --ro -a volume.raw -m /dev/sda1 /mnt":   false,
		"virt-cat -a volume.raw /etc/fstab":                                true,
		"qemu-system-x86_64 -drive file=volume.raw,if=virtio":              true,
		"qemu-system-x86_64 -drive file=volume.raw,format=raw,if=virtio":   false,
		"<driver name='qemu'/>":                                            true,
		"<driver name='qemu' type='raw'/>":                                 false,
		"guestmount reads it as well":                                      false,
		"`qemu-img` and `tar -S` see the holes of volume.raw":              false,
		"qemu-nbd -c /dev/nbd0 volume.raw":                                 true,
		"qemu-nbd -f raw -c /dev/nbd0 volume.raw":                          false,
	} {
		if got := unformatted(command); (len(got) > 0) != bad {
			t.Errorf("%s: %q", command, got)
		}
	}
}
