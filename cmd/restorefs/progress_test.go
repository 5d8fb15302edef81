package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"

	"strconv"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/attended"
	"github.com/restorefs/restorefs/cmd/console"
)

func TestProgressInJSON(t *testing.T) {
	share, list := storetest.Fixtures(t)
	f := storetest.Find(t, list, "full zlib")
	dir := t.TempDir()
	_, stderr, code := restorefs(t, "materialize", "--share", share, "--progress", "json", f.ID,
		filepath.Join(dir, "a"))
	var s console.State
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "{") {
			if err := json.Unmarshal([]byte(line), &s); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	if code != 0 || s.Stage != "done" || s.Done != f.VolumeGiB<<30 || s.Total != s.Done ||
		s.Written+s.Zeroed+s.Skipped != s.Done {
		t.Errorf("exit %d, the last line is %+v", code, s)
	}
	if _, stderr, code = restorefs(t, "materialize", "--share", share, "--progress", "none", f.ID,
		filepath.Join(dir, "b")); code != 0 || strings.Contains(stderr, "%") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestADryRunMeasuresReading(t *testing.T) {
	share := t.TempDir()
	made := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("probe"),
		VolumeID: storetest.ID("probe volume"),
		Content:  storetest.Disk(32<<20, 9), FileSize: 8 << 20})
	target := filepath.Join(t.TempDir(), "disk")
	stdout, stderr, code := restorefs(t, "materialize", "--share", share, made.ID, target,
		"--dry-run", "--json", "--bwlimit", "1M")
	var p attended.Plan
	if err := json.Unmarshal([]byte(stdout), &p); err != nil || code != 0 ||
		p.Objects != len(made.Objects) || p.StoredBytes == 0 ||
		p.ProbedBytes == 0 || p.ReadBytesPerSecond != 1<<20 ||
		p.ReadSeconds < float64(p.WriteBytes)/(1<<20)-1 {
		t.Errorf("exit %d, %v: %+v %s", code, err, p, stderr)
	}
	stdout, _, code = restorefs(t, "materialize", "--share", share, made.ID, target, "--dry-run")
	if code != 0 || !strings.Contains(stdout, "the target was not measured") {
		t.Errorf("exit %d: %s", code, stdout)
	}
}

func TestNiceIOLowersEveryThread(t *testing.T) {
	need(t, "ionice")
	share := t.TempDir()
	made := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("nice"),
		VolumeID: storetest.ID("nice volume"), Content: storetest.Disk(8<<20, 9)})
	cmd := program(t, "materialize", "--nice-io", "--progress", "json", "--bwlimit", "1M",
		"--share", share, made.ID, filepath.Join(t.TempDir(), "disk"))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	var said []byte
	for buf := make([]byte, 4096); !bytes.Contains(said, []byte("{")); { // until it is at work
		n, err := stderr.Read(buf)
		if err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		said = append(said, buf[:n]...)
	}
	tasks, err := os.ReadDir("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		out, err := exec.Command("ionice", "-p", task.Name()).Output()
		if err == nil && !strings.Contains(string(out), "idle") { // an error means that it has ended
			t.Errorf("thread %s has %s", task.Name(), out)
		}
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/task/" + task.Name() +
			"/stat")
		if err != nil {
			continue
		}
		// After the name, which may contain anything, nice is the 17th field.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if fields[16] != "19" {
			t.Errorf("thread %s has nice %s", task.Name(), fields[16])
		}
	}
}
