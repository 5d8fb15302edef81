package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/scanned"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// hostile are names that tenants could give volumes and backups. None of them may be run, or be
// more than one word.
var hostile = []string{
	"db data", "$(touch PWNED)", "`touch PWNED`", "a;touch PWNED", "a&touch PWNED", "a|touch PWNED", ">PWNED", "it's", `say "x"`,
	`back\slash`, "~root", "!!", "a!touch PWNED", "*", "{a,b}", "ünï cödé", "x@y", "c:d", "#no", "$HOME", "new\nline", "-rf",
	"\x1b[31mred", "tab\tbed", "bell\a", " space ", "a\u202eb", "bad\xff", "$'x'", "=ls",
}

// seen has the program remember backups with those names on a share, without one, and returns the
// environment of a shell for it.
func seen(t *testing.T, names []string) (env []string, share string) {
	t.Helper()
	share, cache, bin := t.TempDir(), t.TempDir(), t.TempDir()
	root := &scanned.Dir{Name: "."}
	for i, name := range names {
		f := &scanned.Facts{
			Name: &names[i], CreatedAt: time.Date(2026, 1, 2, 3, 4, 5+i, 0, time.UTC), Metadata: scanned.Stamp{Inode: 1},
			VolumeMeta: &format.VolumeSummary{Base: format.VolumeBase{Name: &names[i]}},
		}
		f.In(".", "volume_"+storetest.ID("volume "+name)+"_20260102030405_backup_"+storetest.ID("backup "+name))
		root.Backups = append(root.Backups, f)
	}
	dir := filepath.Join(cache, "scanned")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := scanned.At(dir, share).Save(&scanned.Tree{Root: root}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(share); err != nil { // it is not touched
		t.Fatal(err)
	}
	// Of what is not about completion it only shows how it was called.
	script := "#!/bin/sh\ncase $1 in __complete|completion) RESTOREFS_TEST_MAIN=1 exec " + os.Args[0] + ` "$@";; esac
printf 'GOT'; printf '<%s>' "$@"; echo
`
	if err := os.WriteFile(filepath.Join(bin, "restorefs"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "RESTOREFS_") })
	return append(env, "PATH="+bin+":"+os.Getenv("PATH"), "RESTOREFS_CACHE_DIR="+cache, "RESTOREFS_SHARE="+share,
		"HOME="+t.TempDir(), "LC_ALL=C.UTF-8", "TERM=xterm", "HISTFILE=/dev/null", "XDG_RUNTIME_DIR="+t.TempDir(), "TMPDIR="+t.TempDir()), share
}

func TestCompletionInBashMakesOneWordOfAnyName(t *testing.T) {
	unwatched(t)
	need(t, "bash")
	env, _ := seen(t, hostile)
	dir := t.TempDir()
	// Whatever is inserted is read again as the shell would, and printed word by word.
	script := `source <(restorefs completion bash)
	for quote in '' \" \'; do
		COMP_LINE="restorefs show $quote" COMP_POINT=$((15 + ${#quote})) COMP_WORDS=(restorefs show "$quote") COMP_CWORD=2
		_restorefs restorefs "$quote" show
		for word in "${COMPREPLY[@]}"; do
			eval "set -- $quote$word$quote"
			printf '%s:%s\n' "$#" "$1"
		done
	done`
	cmd := exec.Command("bash", "--norc", "-c", script)
	cmd.Env, cmd.Dir = env, dir
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Fatalf("%v: %s", err, errs.String())
	}
	var got []string
	for line := range strings.Lines(string(out)) {
		n, word, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		if n != "1" {
			t.Errorf("%s words: %q", n, word)
		}
		got = append(got, word)
	}
	for _, name := range hostile {
		typed := !strings.ContainsAny(name, "\n\t\x1b\a\u202e") && utf8.ValidString(name) && strings.TrimSpace(name) == name && name[0] != '-'
		if typed != slices.Contains(got, name) || typed != slices.Contains(got, name+"@latest") {
			t.Errorf("%q: %v", name, got)
		}
		if !slices.Contains(got, storetest.ID("backup "+name)) {
			t.Errorf("the id of %q is not there", name)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("a name was run: %v, %v", left, err)
	}
}

func TestCompletionOfALineInBash(t *testing.T) {
	unwatched(t)
	need(t, "bash")
	env, share := seen(t, []string{"db data", "db-data", "web"})
	web := storetest.ID("volume web")
	conf := filepath.Join(t.TempDir(), "cinder.conf")
	text := "[DEFAULT]\nbackup_driver = cinder.backup.drivers.posix.PosixBackupDriver\nbackup_posix_path = " + share + "\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	breaks := " \t\n\"'@><=;|&(:"
	for line, want := range map[string]string{
		"restorefs mou":                                "words mount",
		"restorefs rest":                               "words restore",
		"restorefs list --gr":                          "words --graph",
		"restorefs list --format j":                    "words json",
		"restorefs list --format=j":                    "words json",
		"restorefs --format=q":                         "words qcow2",
		"restorefs show web@":                          "words 2026-01-02T03:04:07 latest",
		"restorefs show web@la":                        "words latest",
		"restorefs show db-data@2026-01-02T":           "words 2026-01-02T03:04:06",
		`restorefs show "db dat`:                       "words db data db data@latest",
		`restorefs show db\ dat`:                       `words db\ data db\ data@latest`,
		"restorefs list --volume we":                   "words web",
		"restorefs list --volume=we":                   "words web",
		"restorefs mount --backup web@l":               "words latest",
		"restorefs show " + web[:9]:                    "words ",
		"restorefs find " + web[:9]:                    "words " + web,
		"restorefs materialize web@latest ":            "files",
		"restorefs mount ":                             "dirs",
		"restorefs mount --log-file /t":                "files",
		"restorefs mount --log-file=/t":                "files",
		"restorefs show --json >fil":                   "files",
		"restorefs show --json > x we":                 "words web web@latest",
		"X=1 restorefs unm":                            "words unmount",
		"restorefs overlay dis":                        "words discard",
		"restorefs overlay discard ":                   "dirs",
		"restorefs diff web ":                          "words db\\ data db\\ data@latest db-data db-data@latest web web@latest",
		"restorefs list -- --":                         "words",
		"restorefs nonsense ":                          "words",
		"restorefs list --share /none --volu":          "words --volume",
		"restorefs show --share /none w":               "words",
		"restorefs show --share " + share + " we":      "words web web@latest",
		"restorefs materialize --salvage=":             "words keep zero",
		"restorefs show --cinder-conf " + conf + " we": "words web web@latest",
		"restorefs completion z":                       "words zsh",
		"restorefs help sha":                           "words share",
		"restorefs ls web@latest /et":                  "words",
		"restorefs cp web@latest /etc /srv/r":          "files",
	} {
		cmd := program(t, "__complete", "bash", breaks, line)
		cmd.Env = append(slices.Clone(env), "RESTOREFS_TEST_MAIN=1")
		if strings.Contains(line, "--cinder-conf") {
			cmd.Env = append(cmd.Env, "RESTOREFS_SHARE=")
		}
		out, err := cmd.Output()
		lines := slices.DeleteFunc(strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"), func(s string) bool { return strings.Contains(s, "-") && len(s) == 36 })
		if strings.Contains(line, web[:9]) {
			lines = strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		}
		if got := strings.Join(lines, " "); err != nil || got != strings.TrimSpace(want) {
			t.Errorf("%s: %v: %s, not %s", line, err, got, want)
		}
	}
}

// typeInto types keys, a tab and return into a shell on a terminal, again and again, and returns the
// lines by which the program says how it was called.
func typeInto(t *testing.T, env, shell, keys []string) (lines []string) {
	t.Helper()
	master, tty := terminal(t, 200)
	cmd := exec.Command(shell[0], shell[1:]...)
	cmd.Env, cmd.Dir = env, t.TempDir()
	defer func() {
		if left, err := os.ReadDir(cmd.Dir); err != nil || len(left) > 0 {
			t.Errorf("a name was run: %v, %v", left, err)
		}
	}()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	late := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() }) // then nothing more is said
	defer late.Stop()
	said, typed := "", false
	for buf := make([]byte, 4096); len(lines) < len(keys); {
		if !typed && strings.Contains(said, "READY") {
			typed = true
			if _, err := master.WriteString(keys[len(lines)] + "\t\r"); err != nil {
				t.Fatal(err)
			}
		}
		n, err := master.Read(buf)
		if err != nil {
			t.Fatalf("%q: %v: %q", keys[len(lines)], err, said)
		}
		said += string(buf[:n])
		if _, got, ok := strings.Cut(said, "GOT<"); ok && strings.Contains(got, "\n") {
			line, rest, _ := strings.Cut(got, "\n")
			lines, said, typed = append(lines, "<"+strings.TrimSpace(line)), rest, false
		}
	}
	return lines
}

func TestCompletionOnATerminal(t *testing.T) {
	unwatched(t)
	env, _ := seen(t, []string{"db data", "$(touch PWNED)", "`touch PWNED`", "a;touch PWNED", "it's"})
	rc := filepath.Join(t.TempDir(), ".zshrc")
	text := "[ -z \"$ZSH_VERSION\" ] || { autoload -U compinit; compinit -D -u; }\n" +
		"source <(restorefs completion ${ZSH_VERSION:+z}${BASH_VERSION:+ba}sh)\nPS1=READY\n"
	if err := os.WriteFile(rc, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env = append(env, "ZDOTDIR="+filepath.Dir(rc))
	for name, shell := range map[string][]string{
		"bash": {"bash", "--noprofile", "--rcfile", rc, "-i"},
		"zsh":  {"zsh", "-d", "-i"},
		"fish": {"fish", "-N", "-i", "-C", "restorefs completion fish | source; function fish_prompt; echo READY; end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			need(t, name)
			got := typeInto(t, env, shell, []string{
				"restorefs show 'db data@l", "restorefs list --format cs", `restorefs list --volume \$`,
				"restorefs list --volume \\`", `restorefs list --volume a\;`, "restorefs list --volume i",
			})
			want := []string{
				"<show><db data@latest>", "<list><--format><csv>", "<list><--volume><$(touch PWNED)>",
				"<list><--volume><`touch PWNED`>", "<list><--volume><a;touch PWNED>", "<list><--volume><it's>",
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q, not %q", got, want)
			}
		})
	}
}

func TestCompletionIsForThreeShells(t *testing.T) {
	unwatched(t)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if out, _, code := restorefs(t, "completion", shell); code != exitcode.Done || !strings.Contains(out, "__complete "+shell) {
			t.Errorf("%s: exit %d: %s", shell, code, out)
		}
	}
	if _, errs, code := restorefs(t, "completion", "csh"); code != exitcode.Usage || !strings.Contains(errs, "bash, zsh or fish") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if _, errs, code := restorefs(t, "completion"); code != exitcode.Usage || errs == "" {
		t.Errorf("exit %d: %s", code, errs)
	}
}
