package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/wording"
)

func TestBashReadsAWordAsItWasWritten(t *testing.T) {
	need(t, "bash")
	r := rand.New(rand.NewPCG(1, 2))
	alphabet := []string{"a", "Z", "0", " ", "'", "\"", "\\", "$", "`", "!", "~", "#", "*", "{",
		"\n", "\t", "\x01", "\x1b", "\x7f", "\x80", "\xff", "ü", "\u0085", "\u202e", "漢", "=", "-",
		";"}
	var script, want strings.Builder
	for i := range 500 {
		var word strings.Builder
		for range i % 12 {
			word.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		fmt.Fprintf(&script, "printf '%%s\\0' %s\n", wording.ShellWord(word.String()))
		want.WriteString(word.String() + "\x00")
	}
	for _, locale := range []string{"C", "C.UTF-8"} {
		cmd := exec.Command("bash", "-s")
		cmd.Env = append(os.Environ(), "LC_ALL="+locale)
		cmd.Stdin = strings.NewReader(script.String())
		if out, err := cmd.Output(); err != nil || string(out) != want.String() {
			t.Errorf("%s: %v: %q", locale, err, out)
		}
	}
}

func TestTheScriptSaysToTheShellWhatIsMeant(t *testing.T) {
	need(t, "bash")
	name, odd := "it's $(a) `b` \"c\" \\ *", "ü\nnew line\x1b[2J\x7f\u202e'end\\"
	long := strings.Repeat("ü", 256) // may be accepted since 2023.1, in a call of its own
	share, id := cloudBackup(t, storetest.Volume{
		Name: name, Description: odd, Metadata: map[string]string{"a b": odd, "e": "", "ü": "doubt",
			"no=key": "x", "src_backup_id": "older"},
		ImageMetadata: map[string]string{"k": "x=y", "long": long, "z": "#!"}, Bootable: true,
		EncryptionKeyID: "key",
	})
	script, stderr, code := restorefs(t, "show", "--share", share, "--script", id)
	if code != 0 || strings.ContainsAny(script, "\x1b\x7f\u202e") {
		t.Fatalf("exit %d: %s%q", code, stderr, script)
	}
	dir := t.TempDir()
	write := func(path, text string) {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("script", script)
	write("openstack",
		"#!/bin/bash\nif [ \"$2\" = show ]; then cat \"$TARGET_NAME\"; exit; fi\nprintf '%s\\0' \"$@\" >>\"$CALLS\"; printf '\\1' >>\"$CALLS\"\n")
	for _, test := range []struct {
		has   string
		named bool // by the script
	}{{"", true}, {"None\n", true}, {"restore_backup_1\n", true}, {"mine\n", false}} {
		write("name", test.has)
		os.Remove(filepath.Join(dir, "calls"))
		cmd := program(t)
		cmd.Path, cmd.Args = "/bin/bash", []string{"bash", filepath.Join(dir, "script"), "VOL"}
		cmd.Env = append(cmd.Env, "PATH="+dir+":"+os.Getenv("PATH"),
			"CALLS="+filepath.Join(dir, "calls"), "TARGET_NAME="+filepath.Join(dir, "name"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		got, err := os.ReadFile(filepath.Join(dir, "calls"))
		if err != nil {
			t.Fatal(err)
		}
		calls := [][]string{
			{"volume", "set", "--property=src_backup_id=" + id, "VOL"},
			{"volume", "set", "--no-property", "--property=a b=" + odd, "--property=e=", "VOL"},
			{"volume", "set", "--property=ü=doubt", "VOL"},
			{"volume", "set", "--property=src_backup_id=" + id, "VOL"},
			{"volume", "set", "--image-property=k=x=y", "--image-property=z=#!", "VOL"},
			{"volume", "set", "--image-property=long=" + long, "VOL"},
			{"volume", "set", "--bootable", "VOL"},
		}
		if test.named {
			calls = append(calls, []string{"volume", "set", "--name=" + name, "--description=" +
				odd, "VOL"})
		}
		var want strings.Builder
		for _, call := range calls {
			want.WriteString(strings.Join(call, "\x00") + "\x00\x01")
		}
		if string(got) != want.String() {
			t.Errorf("%q\nwant\n%q", got, want.String())
		}
	}
}
