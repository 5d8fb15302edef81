package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/cache/disk"
	"github.com/restorefs/restorefs/fusefs"
)

func TestAddressesForMetricsAreOnTheLoopbackUnlessGiven(t *testing.T) {
	for in, want := range map[string]string{
		"9100": "127.0.0.1:9100", ":9100": "127.0.0.1:9100", "0.0.0.0:9100": "0.0.0.0:9100", "[::]:9100": "[::]:9100",
		"[::1]:0": "[::1]:0", "host:http": "host:http", "host:": "", ":": "", "a:b:c": "", "1.2.3.4": "127.0.0.1:1.2.3.4",
	} {
		if got, err := metricsAddress(in); got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

// mountedHere is what a mount of dir serves, without a mount.
func mountedHere(t *testing.T, dir string) *served {
	t.Helper()
	opened, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	catalog := backupstore.NewCatalog(opened, backupstore.Options{IndexDir: t.TempDir()})
	t.Cleanup(func() { catalog.Close() })
	if err := catalog.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := cache.New(cache.Options{MemoryBytes: 4 << 20})
	t.Cleanup(spans.Close)
	log := slog.New(slog.DiscardHandler)
	s := newServed(catalog, spans, log, func(*backupstore.Backup) bool { return true })
	if s.disk, err = disk.Open(disk.Options{Dir: t.TempDir(), Bytes: disk.MinBytes}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.disk.Close() })
	s.indexer = newIndexer(log, catalog)
	return s
}

func TestMetricsFollowTheConventionsAndAreAllInTheTable(t *testing.T) {
	dir, b := smallShare(t)
	s := mountedHere(t, dir)
	v, err := s.Open(t.Context(), b.ID)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		data, err := v.Read(t.Context(), 0, 4096)
		if err != nil {
			t.Fatal(err)
		}
		data.Release()
	}
	problems, err := testutil.GatherAndLint(s.registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(restorefs_[a-z_]+)").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = true
	}
	families, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		name := f.GetName()
		if strings.HasPrefix(name, "restorefs_") && !documented[name] {
			t.Errorf("%s is not in docs/metrics.md", name)
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("%s is in docs/metrics.md and not there", name)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

// BenchmarkMeter is what metrics cost a read from memory.
func BenchmarkMeter(b *testing.B) {
	spans := cache.New(cache.Options{MemoryBytes: 4 << 20})
	defer spans.Close()
	v := spans.Volume("x", flat{})
	m := newMeter(newRegistry())
	for _, metered := range []bool{false, true} {
		b.Run(fmt.Sprint("metered=", metered), func(b *testing.B) {
			b.RunParallel(func(p *testing.PB) {
				r := v.NewReader()
				defer r.Close()
				for off := int64(0); p.Next(); off = (off*7 + 12288) % (1<<20 - 4096) {
					start := time.Now()
					view, err := r.Read(b.Context(), off, 4096)
					if err != nil {
						b.Fatal(err)
					}
					if metered {
						m.read(start, view)
					}
					view.Release()
				}
			})
		})
	}
}

// flat is a volume of one byte, repeated.
type flat struct{}

func (flat) Size() int64                              { return 1 << 20 }
func (flat) Align() int                               { return 4096 }
func (flat) Around(off int64, n int) (from, to int64) { return off, off + int64(n) }
func (flat) Load(_ context.Context, p []byte, _ int64) error {
	copy(p, bytes.Repeat([]byte{1}, len(p)))
	return nil
}
func (flat) NextData(_ context.Context, off, end int64) (start, stop int64, err error) {
	return off, end, nil
}

func statusOf(t *testing.T, mountpoint string) statusFile {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(mountpoint, fusefs.StatusFile))
	if err != nil {
		t.Fatal(err)
	}
	var f statusFile
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return f
}

func TestAMountServesMetricsAndTellsTheSameInItsStatus(t *testing.T) {
	share, b := smallShare(t)
	mountpoint, server := mountShare(t, share, "--metrics-listen", "127.0.0.1:0", "--disk-cache", t.TempDir())
	if _, err := readDisk(mountpoint, b); err != nil {
		t.Fatal(err)
	}
	f := statusOf(t, mountpoint)
	if f.Metrics == "" || f.Cache.Misses == 0 || f.Cache.BudgetBytes == 0 || f.DiskCache == nil || f.DiskCache.Misses == 0 || f.Decoders.Starts == 0 || f.Indexing == nil {
		t.Errorf("%+v", f)
	}
	get := func() (string, error) {
		client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
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
		`(?m)^restorefs_read_duration_seconds_count\{source="decode"\} [1-9]`, `(?m)^restorefs_backups\{state="complete"\} 1$`,
		`(?m)^restorefs_decoder_uses_total\{how="start"\} [1-9]`, `(?m)^process_resident_memory_bytes`, `(?m)^go_goroutines`,
		`(?m)^restorefs_disk_cache_misses_total [1-9]`, `(?m)^restorefs_read_errors_total\{kind="damage"\} 0$`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("no %s in %s", want, text)
		}
	}

	other := t.TempDir()
	_, stderr, code := restorefs(t, "mount", "--share", share, "--metrics-listen", f.Metrics, other)
	if _, mounted := mountAt(t, other); mounted || code != exitFailed || !strings.Contains(stderr, "in use by another process") {
		t.Errorf("a port that is taken: exit code %d, %s", code, stderr)
	}
	if _, stderr, code := restorefs(t, "mount", "--share", share, "--metrics-listen", "host:", other); code != exitUsage {
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
	if f.Errors.Reads[errorDamage] == 0 || f.Errors.Last == "" || f.Errors.LastAt == nil || f.Damage.DamagedBlocks == 0 {
		t.Errorf("%+v", f)
	}
	if words := strings.Join(f.words(), "; "); !strings.Contains(words, "reads failed") {
		t.Error(words)
	}
	if text, err := get(); err != nil || !regexp.MustCompile(`(?m)^restorefs_damaged_blocks_total [1-9]`).MatchString(text) {
		t.Errorf("%v, %s", err, text)
	}
}
