package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"

	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestTheRateIsThatOfTheLastSeconds(t *testing.T) {
	start := time.Unix(1000, 0)
	w := &window{samples: []mark{{at: start}}}
	at := func(tenths int) time.Time { return start.Add(time.Duration(tenths) * 100 * time.Millisecond) }
	var got int64
	for i := 1; i <= 100; i++ { // 10 s at 100 a tenth
		got = w.rate(at(i), "copying", int64(i)*100)
	}
	if got != 1000 {
		t.Errorf("steady: %d", got)
	}
	for i := 101; i <= 160; i++ { // 6 s at 10 a tenth
		got = w.rate(at(i), "copying", 10000+int64(i-100)*10)
	}
	if got != 100 {
		t.Errorf("6 s after it became slow: %d", got)
	}
	if got = w.rate(at(161), "verifying", 5000); got != 0 {
		t.Errorf("at the start of another stage: %d", got)
	}
	if got = w.rate(at(171), "verifying", 5500); got != 500 {
		t.Errorf("a second into another stage: %d", got)
	}
	if len(w.samples) > 60 {
		t.Errorf("%d samples are kept", len(w.samples))
	}
}

func TestWithoutATerminalThereIsALineEverySoOften(t *testing.T) {
	ours, its, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	s := progressState{Stage: "copying", Done: 3 << 30, Total: 10 << 30, Rate: 100 << 20, Healed: 32 << 10}
	stop := showLine(its, time.Millisecond, func() progressState { return s })
	lines := bufio.NewScanner(ours)
	for range 3 {
		const want = "copying   30 %  100 MiB/s  1m12s left  32 KiB healed  3 GiB of 10 GiB"
		if !lines.Scan() || lines.Text() != want {
			t.Errorf("%q, not %q", lines.Text(), want)
		}
	}
	ours.Close() // so that no line waits for space
	stop()
	its.Close()
}

func TestProgressInJSON(t *testing.T) {
	share, list := storetest.Fixtures(t)
	f := storetest.Find(t, list, "full zlib")
	dir := t.TempDir()
	_, stderr, code := restorefs(t, "materialize", "--share", share, "--progress", "json", f.ID, filepath.Join(dir, "a"))
	var s progressState
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "{") {
			if err := json.Unmarshal([]byte(line), &s); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	if code != 0 || s.Stage != "done" || s.Done != f.VolumeGiB<<30 || s.Total != s.Done || s.Written+s.Zeroed+s.Skipped != s.Done {
		t.Errorf("exit %d, the last line is %+v", code, s)
	}
	if _, stderr, code = restorefs(t, "materialize", "--share", share, "--progress", "none", f.ID, filepath.Join(dir, "b")); code != 0 || strings.Contains(stderr, "%") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestADryRunMeasuresReading(t *testing.T) {
	share := t.TempDir()
	made := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("probe"), VolumeID: storetest.ID("probe volume"),
		Content: storetest.Disk(32<<20, 9), FileSize: 8 << 20})
	target := filepath.Join(t.TempDir(), "disk")
	stdout, stderr, code := restorefs(t, "materialize", "--share", share, made.ID, target, "--dry-run", "--json", "--bwlimit", "1M")
	var p planned
	if err := json.Unmarshal([]byte(stdout), &p); err != nil || code != 0 || p.Objects != len(made.Objects) || p.StoredBytes == 0 ||
		p.ProbedBytes == 0 || p.ReadBytesPerSecond != 1<<20 || p.ReadSeconds < float64(p.WriteBytes)/(1<<20)-1 {
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
	made := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("nice"), VolumeID: storetest.ID("nice volume"), Content: storetest.Disk(8<<20, 9)})
	cmd := program(t, "materialize", "--nice-io", "--progress", "json", "--bwlimit", "1M", "--share", share, made.ID, filepath.Join(t.TempDir(), "disk"))
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
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/task/" + task.Name() + "/stat")
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
