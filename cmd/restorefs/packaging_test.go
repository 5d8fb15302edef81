package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/cmd/cmdline"
)

func TestSystemdAcceptsTheUnits(t *testing.T) {
	need(t, "systemd-analyze")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for unit, as := range map[string]string{"restorefs@.service": "restorefs@mnt-restore.service",
		"mnt-restore.mount":        "mnt-restore.mount",
		"restorefs-verify.service": "restorefs-verify.service",
		"restorefs-verify.timer":   "restorefs-verify.timer"} {
		t.Run(unit, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("../../packaging", unit))
			if err != nil {
				t.Fatal(err)
			}
			// systemd checks that the programs exist.
			here := strings.ReplaceAll(string(text), "/usr/local/bin/restorefs", self)
			dir := t.TempDir()
			path := filepath.Join(dir, as)
			if err := os.WriteFile(path, []byte(here), 0o644); err != nil {
				t.Fatal(err)
			}
			if timer, ok := strings.CutSuffix(as, ".timer"); ok { // it needs what it starts
				if err := os.WriteFile(filepath.Join(dir, timer+".service"),
					[]byte("[Service]\nExecStart="+self+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			out, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, as) { // not about other units of this machine
					t.Error(line)
				}
			}
		})
	}
}

// The program must understand the commands of the units.
func TestTheCommandsOfTheUnitsWork(t *testing.T) {
	needMount(t)
	share, _ := smallShare(t)
	mountpoint := t.TempDir()
	leaveNothing(t, mountpoint)
	service, err := os.ReadFile("../../packaging/restorefs@.service")
	if err != nil {
		t.Fatal(err)
	}
	unit, err := os.ReadFile("../../packaging/mnt-restore.mount")
	if err != nil {
		t.Fatal(err)
	}
	value := func(text []byte, key string) string {
		for line := range strings.Lines(string(text)) {
			if v, ok := strings.CutPrefix(line, key+"="); ok {
				return strings.TrimSpace(v)
			}
		}
		t.Fatalf("no %s=", key)
		return ""
	}
	t.Setenv("RESTOREFS_SHARE", share)
	args := func(key string) []string {
		return strings.Fields(strings.NewReplacer("$RESTOREFS_FLAGS", "", "%f",
			mountpoint).Replace(value(service, key)))[1:]
	}
	for _, step := range [][]string{append(args("ExecStart"), "--daemon"), args("ExecStop"),
		append(args("ExecStart"), "--daemon"), args("ExecStopPost")} {
		if _, stderr, code := restorefs(t, step...); code != 0 {
			t.Fatalf("%s: exit %d: %s", step, code, stderr)
		}
	}
	// The mount, and even its directory, may be gone when a service ends.
	for _, where := range []string{mountpoint, mountpoint + "/none"} {
		if _, stderr, code := restorefs(t, "unmount", "--if-mounted", where); code != 0 ||
			stderr != "" {
			t.Errorf("nothing to unmount: exit %d: %s", code, stderr)
		}
	}
	if _, _, code := restorefs(t, "unmount", mountpoint); code == 0 {
		t.Error("without the flag that is no error")
	}
	if _, err := cmdline.MountHelper(newApp(), []string{"restorefs", value(unit, "What"),
		value(unit, "Where"), "-o", value(unit, "Options")}); err != nil {
		t.Error(err)
	}
}
