package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/mountstatus"
	"github.com/restorefs/restorefs/cmd/serve"
	"github.com/restorefs/restorefs/fusefs"
)

func statusOf(t *testing.T, mountpoint string) serve.Status {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(mountpoint, fusefs.StatusFile))
	if err != nil {
		t.Fatal(err)
	}
	var f serve.Status
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return f
}

func TestAMountServesMetricsAndTellsTheSameInItsStatus(t *testing.T) {
	share, b := smallShare(t)
	mountpoint, server := mountShare(t, share, "--metrics-listen", "127.0.0.1:0", "--disk-cache",
		t.TempDir())
	if _, err := readDisk(mountpoint, b); err != nil {
		t.Fatal(err)
	}
	f := statusOf(t, mountpoint)
	if f.Metrics == "" || f.Cache.Misses == 0 || f.Cache.BudgetBytes == 0 || f.DiskCache == nil ||
		f.DiskCache.Misses == 0 || f.Decoders.Starts == 0 || f.Indexing == nil {
		t.Errorf("%+v", f)
	}
	get := func() (string, error) {
		client := http.Client{Timeout: 10 * time.Second,
			Transport: &http.Transport{DisableKeepAlives: true}}
		r, err := client.Get("http://" + f.Metrics + "/metrics")
		if err != nil {
			return "", err
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		return string(text), err
	}
	text, err := get()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^restorefs_read_duration_seconds_count\{source="decode"\} [1-9]`,
		`(?m)^restorefs_backups\{state="complete"\} 1$`,
		`(?m)^restorefs_decoder_uses_total\{how="start"\} [1-9]`,
		`(?m)^process_resident_memory_bytes`, `(?m)^go_goroutines`,
		`(?m)^restorefs_disk_cache_misses_total [1-9]`,
		`(?m)^restorefs_read_errors_total\{kind="damage"\} 0$`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("no %s in %s", want, text)
		}
	}

	other := t.TempDir()
	_, stderr, code := restorefs(t, "mount", "--share", share, "--metrics-listen", f.Metrics, other)
	if _, mounted := mountAt(t, other); mounted || code != exitcode.Failed ||
		!strings.Contains(stderr, "in use by another process") {
		t.Errorf("a port that is taken: exit code %d, %s", code, stderr)
	}
	if _, stderr, code := restorefs(t, "mount", "--share", share, "--metrics-listen", "host:",
		other); code != exitcode.Usage {
		t.Errorf("no port: exit code %d, %s", code, stderr)
	}

	// A damaged backup shows in both.
	if err := os.Truncate(b.Path("-00001"), 10); err != nil {
		t.Fatal(err)
	}
	stop(t, server, server.Process)
	if _, err := get(); err == nil {
		t.Error("metrics are served after the mount has ended")
	}
	mountpoint, _ = mountShare(t, share, "--metrics-listen", "0")
	if _, err := readDisk(mountpoint, b); err == nil {
		t.Fatal("it can be read")
	}
	f = statusOf(t, mountpoint)
	if f.Errors.Reads[serve.ErrorDamage] == 0 || f.Errors.Last == "" || f.Errors.LastAt == nil ||
		f.Damage.DamagedBlocks == 0 {
		t.Errorf("%+v", f)
	}
	if words := strings.Join(mountstatus.Words(&f.Figures), "; "); !strings.Contains(words,
		"reads failed") {
		t.Error(words)
	}
	if text, err := get(); err != nil || !regexp.MustCompile(
		`(?m)^restorefs_damaged_blocks_total [1-9]`).MatchString(text) {
		t.Errorf("%v, %s", err, text)
	}
}
