package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/cmd/attended"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

func TestADoubtfulTargetTakesAYes(t *testing.T) {
	unwatched(t)
	share, b := smallShare(t)
	dir := t.TempDir()
	in := func(args ...string) (string, int) {
		cmd := program(t, append([]string{"materialize", "--share", share, b.ID}, args...)...)
		cmd.Dir = dir
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	if out, code := in("vdb"); code != exitcode.Usage ||
		!strings.Contains(out, "not the device /dev/vdb") || !strings.Contains(out, "--yes") {
		t.Errorf("exit %d: %s", code, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "vdb")); err == nil {
		t.Error("it was written all the same")
	}
	if out, code := in("vdb", "--yes"); code != 0 {
		t.Errorf("exit %d: %s", code, out)
	}
	if out, code := in("disk.qcow2", "--dry-run"); code != 0 ||
		!strings.Contains(out, "will be asked about") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestAFinishedRestoreThatIsRunAgainSaysHowToProveIt(t *testing.T) {
	share, b := smallShare(t)
	target := filepath.Join(t.TempDir(), "disk.raw")
	args := []string{"materialize", "--share", share, b.ID, target}
	if _, stderr, code := restorefs(t, args...); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	proof := "verify --share " + share + " --target " + target + " " + b.ID
	_, stderr, code := restorefs(t, args...)
	if code != exitcode.Refused || !strings.Contains(stderr, proof) ||
		!strings.Contains(stderr, "disk.raw.metadata.json says") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if _, stderr, code := restorefs(t, strings.Fields(proof)...); code != 0 {
		t.Errorf("the proof: exit %d: %s", code, stderr)
	}
	if err := os.Remove(target + ".metadata.json"); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := restorefs(t, append(args, "--dry-run")...); code != exitcode.Refused ||
		!strings.Contains(stderr, "was this backup restored to it already?") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestADryRunOfAPipeAndOfAQcow2(t *testing.T) {
	unwatched(t)
	share, b := smallShare(t)
	plan := func(args ...string) (p attended.Plan) {
		t.Helper()
		stdout, stderr, code := restorefs(t, append([]string{"materialize", "--dry-run", "--json",
			"--share", share, b.ID}, args...)...)
		if err := json.Unmarshal([]byte(stdout), &p); err != nil || code != 0 {
			t.Fatalf("%q: exit %d, %v: %s%s", args, code, err, stdout, stderr)
		}
		return p
	}
	if p := plan("-"); p.Target != "-" || p.WriteBytes == 0 || p.FreeBytes != nil {
		t.Errorf("%+v", p)
	}
	dir := t.TempDir()
	target := filepath.Join(dir, "disk")
	if p := plan(target); p.Target != target || p.FreeBytes == nil || *p.FreeBytes == 0 {
		t.Errorf("%+v", p)
	}
	need(t, "qemu-img")
	if p := plan(target, "--format", "qcow2"); p.Target != target || p.WriteBytes == 0 ||
		p.FreeBytes == nil {
		t.Errorf("%+v", p)
	}
	onlyThere(t, dir)
	if err := os.WriteFile(target, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := restorefs(t, "materialize", "--dry-run", "--format", "qcow2", "--share",
		share, b.ID, target); code != exitcode.Refused {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
