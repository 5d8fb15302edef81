package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/attended"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// toFile runs a restore with that file or device as stdout.
func toFile(t *testing.T, path string, args ...string) (stderr string, code int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := program(t, append([]string{"materialize"}, args...)...)
	var errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = f, &errOut
	cmd.Run()
	return errOut.String(), cmd.ProcessState.ExitCode()
}

// A network file system reports a full quota only when the file is flushed.
func TestStdoutThatCannotBeFlushedIsNoSuccess(t *testing.T) {
	firstPass(t)
	share, id := cloudBackup(t, storetest.Volume{})
	real := t.TempDir()
	if err := os.WriteFile(filepath.Join(real, "disk"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir, say, _ := passThrough(t, real)
	say("late disk")
	stderr, code := toFile(t, filepath.Join(dir, "disk"), "--share", share, id, "-")
	if code != exitcode.Failed || !strings.Contains(stderr, "is not safe") ||
		!strings.Contains(stderr, "quota") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	say("")
	if stderr, code = toFile(t, filepath.Join(dir, "disk"), "--share", share, id, "-"); code != 0 {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestADeviceIsNotWrittenByWayOfStdout(t *testing.T) {
	need(t, "losetup")
	if os.Geteuid() != 0 {
		skip(t, "needs root for a loop device")
	}
	share, id := cloudBackup(t, storetest.Volume{})
	image := filepath.Join(t.TempDir(), "image")
	content := bytes.Repeat([]byte("precious"), 1<<18)
	if err := os.WriteFile(image, content, 0o600); err != nil {
		t.Fatal(err)
	}
	device := strings.TrimSpace(run(t, "losetup", "--find", "--show", image))
	t.Cleanup(func() { run(t, "losetup", "--detach", device) })
	stderr, code := toFile(t, device, "--share", share, id, "-")
	now, err := os.ReadFile(image)
	if code != exitcode.Usage || !strings.Contains(stderr, "give its name as TARGET") ||
		err != nil || !bytes.Equal(now, content) {
		t.Errorf("exit %d: %s%v", code, stderr, err)
	}
}

// Wherever a link is, nothing is written to the share through it.
func TestALinkToTheShareIsNoTarget(t *testing.T) {
	unwatched(t)
	share, id := cloudBackup(t, storetest.Volume{})
	victim := filepath.Join(share, "other")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "disk")
	if err := os.Symlink(victim, link); err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]string{nil, {"--format", "qcow2"}} {
		_, stderr, code := restorefs(t, append([]string{"materialize", "--share", share, "--force",
			"--yes", id, link}, more...)...)
		now, err := os.ReadFile(victim)
		if code != exitcode.Usage || !strings.Contains(stderr, "is on the share") || err != nil ||
			string(now) != "precious" {
			t.Errorf("%v: exit %d: %s%v %q", more, code, stderr, err, now[:min(len(now), 20)])
		}
	}
}

func TestFilesForTheOperatorAreNotLeftOnTheShare(t *testing.T) {
	unwatched(t)
	long := strings.Repeat("x", 300)
	share, id := cloudBackup(t, storetest.Volume{Metadata: map[string]string{"long": long}})
	before := names(t, share)
	target := filepath.Join(t.TempDir(), "disk")
	for _, out := range []string{filepath.Join(share, "record"), os.DevNull} {
		_, stderr, code := restorefs(t, "materialize", "--share", share, "--metadata-out", out, id,
			target)
		if _, err := os.Stat(target); code != exitcode.Usage || err == nil {
			t.Errorf("%s: exit %d: %s", out, code, stderr)
		}
	}
	f := newVolumeServer(t, cloudTarget, nil)
	cmd := program(t, "materialize", "--share", share, "--volume", cloudTarget, "--metadata-only",
		id)
	temp := t.TempDir()
	cmd.Dir = share
	cmd.Env = append(cmd.Env, "TMPDIR="+temp, "OS_AUTH_TYPE=noauth", "OS_PROJECT_ID="+cloudProject,
		"OS_VOLUME_ENDPOINT="+f.URL+"/v3")
	out, _ := cmd.CombinedOutput()
	left := filepath.Join(temp, cloudTarget+".metadata-left.json")
	if _, err := os.Stat(left); err != nil || !strings.Contains(string(out), left) ||
		cmd.ProcessState.ExitCode() != exitcode.Partly {
		t.Errorf("%v: %s", err, out)
	}
	if after := names(t, share); after != before {
		t.Errorf("the share has %s, had %s", after, before)
	}
}

func TestTheMetadataNeverReplacesTheDisk(t *testing.T) {
	share, id := cloudBackup(t, storetest.Volume{Name: "db"})
	dir := t.TempDir()
	target, link := filepath.Join(dir, "disk"), filepath.Join(dir, "link")
	refused := func(out string) {
		t.Helper()
		if _, stderr, code := restorefs(t, "materialize", "--share", share, "--force", "--yes",
			"--metadata-out", out, id, target); code != exitcode.Usage ||
			!strings.Contains(stderr, "is TARGET itself") {
			t.Errorf("%s: exit %d: %s", out, code, stderr)
		}
	}
	refused(target)
	refused(dir + "/./disk")
	if _, err := os.Lstat(target); err == nil {
		t.Error("there is a target")
	}
	if err := errors.Join(os.WriteFile(target, []byte("before"), 0o600),
		os.Link(target, link)); err != nil {
		t.Fatal(err)
	}
	refused(link)
	if now, err := os.ReadFile(target); err != nil || string(now) != "before" {
		t.Errorf("%v: %.20q", err, now)
	}
}

func TestTheMetadataOfADiskInAPipe(t *testing.T) {
	share, id := cloudBackup(t, storetest.Volume{Name: "db"})
	out := filepath.Join(t.TempDir(), "record.json")
	cmd := program(t, "materialize", "--share", share, "--metadata-out", out, id, "-")
	var errOut bytes.Buffer
	cmd.Stderr = &errOut // stdout is /dev/null
	err := cmd.Run()
	if record, e := os.ReadFile(out); err != nil || e != nil ||
		!strings.Contains(string(record), `"db"`) {
		t.Errorf("%v: %s; %v: %s", err, errOut.String(), e, record)
	}
	if _, stderr, code := restorefs(t, "materialize", "--share", share, id, "-", "--metadata-out",
		out+"/no"); code != exitcode.Usage || !strings.Contains(stderr, "no such directory") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// names lists all files below dir.
func names(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func TestWhatCannotBeToldIsNoSuccess(t *testing.T) {
	unwatched(t)
	share, id := cloudBackup(t, storetest.Volume{Name: "db"})
	for _, args := range []string{"list", "list --json", "show " + id, "diff " + id + " " + id,
		"verify " + id, "records", "records --script"} {
		cmd := program(t, append(strings.Fields(args), "--share", share)...)
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		var errOut bytes.Buffer
		cmd.Stdout, cmd.Stderr = full, &errOut
		cmd.Run()
		full.Close()
		if code := cmd.ProcessState.ExitCode(); code != exitcode.Failed ||
			!strings.Contains(errOut.String(), "no space left on device") {
			t.Errorf("%s: exit %d: %s", args, code, errOut.String())
		}
	}
}

// streams runs a command that must write a disk to stdout: size bytes, of which the first are want.
func streams(t *testing.T, want []byte, size int64, args ...string) {
	t.Helper()
	cmd := program(t, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(out, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("stdout differs: %v", err)
	}
	if n, err := io.Copy(io.Discard, out); n != size-int64(len(want)) || err != nil {
		t.Errorf("%d bytes more, %v", n, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestStdoutAndDryRun(t *testing.T) {
	share, list := storetest.Fixtures(t)
	f := storetest.Find(t, list, "ext4 incremental")
	image := storetest.Image(t, share, list, f)
	streams(t, image, f.VolumeGiB<<30, "materialize", "--share", share, f.ID, "-")
	target := filepath.Join(t.TempDir(), "disk.raw")
	stdout, stderr, code := restorefs(t, "materialize", "--share", share, f.ID, target, "--dry-run",
		"--json")
	var p attended.Plan
	if err := json.Unmarshal([]byte(stdout), &p); err != nil || code != 0 ||
		p.WriteBytes+p.ZeroBytes != f.VolumeGiB<<30 || p.Refused {
		t.Errorf("exit %d, %v: %s%s", code, err, stdout, stderr)
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("the dry run made the target")
	}
}
