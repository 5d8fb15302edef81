package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// Benchmarks of the whole program as a user runs it, in separate processes whose peak memory is
// reported. docs/benchmarks.md keeps the results.

// timed runs a command to its end and returns its wall time and peak resident
// memory in bytes.
func timed(b *testing.B, cmd *exec.Cmd) (time.Duration, int64) {
	b.Helper()
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %v\n%s", cmd.Args[1:], err, out)
	}
	return time.Since(start), cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
}

func benchProgram(b *testing.B, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "RESTOREFS_TEST_MAIN=1", "XDG_CACHE_HOME="+b.TempDir(), "XDG_STATE_HOME="+b.TempDir())
	return cmd
}

func reportPeak(b *testing.B, times []time.Duration, peak int64) {
	slices.Sort(times)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(peak)/(1<<20), "MiB-peak")
}

func BenchmarkListOf2000Backups(b *testing.B) {
	share := b.TempDir()
	if _, err := storetest.WriteMany(share, 2000, 16); err != nil {
		b.Fatal(err)
	}
	var times []time.Duration
	var peak int64
	for b.Loop() {
		d, rss := timed(b, benchProgram(b, "list", "--json", "--share", share))
		times, peak = append(times, d), max(peak, rss)
	}
	reportPeak(b, times, peak)
}

// Measures completing an id against the list that remembers it, both the second time.
func BenchmarkCompletionOf2000Backups(b *testing.B) {
	share, cache := b.TempDir(), b.TempDir()
	if _, err := storetest.WriteMany(share, 2000, 16); err != nil {
		b.Fatal(err)
	}
	program := func(args ...string) *exec.Cmd {
		cmd := benchProgram(b, args...)
		cmd.Env = append(cmd.Env, "RESTOREFS_SHARE="+share, "RESTOREFS_CACHE_DIR="+cache)
		return cmd
	}
	time.Sleep(3 * time.Second) // what was written just now is not remembered
	timed(b, program("list"))
	var lists, times []time.Duration
	var peak int64
	for b.Loop() {
		d, _ := timed(b, program("list"))
		lists = append(lists, d)
		d, rss := timed(b, program("__complete", "bash", " \t\n\"'@><=;|&(:", "restorefs show b2"))
		times, peak = append(times, d), max(peak, rss)
	}
	reportPeak(b, times, peak)
	slices.Sort(lists)
	b.ReportMetric(float64(lists[len(lists)/2].Microseconds())/1000, "ms-list")
}

// Measures help, which people wait for at a terminal, against that of restic where it is installed.
func BenchmarkHelp(b *testing.B) {
	var times, restic []time.Duration
	var peak int64
	for b.Loop() {
		d, rss := timed(b, benchProgram(b, "--help"))
		times, peak = append(times, d), max(peak, rss)
		if path, err := exec.LookPath("restic"); err == nil {
			d, _ = timed(b, exec.Command(path, "--help"))
			restic = append(restic, d)
		}
	}
	reportPeak(b, times, peak)
	if slices.Sort(restic); len(restic) > 0 {
		b.ReportMetric(float64(restic[len(restic)/2].Microseconds())/1000, "ms-restic")
	}
}

// benchMount starts a mount and returns its directory, how long it took to become usable, and a
// function that stops it and returns the server's peak memory.
func benchMount(b *testing.B, share string) (string, time.Duration, func() int64) {
	b.Helper()
	if os.Geteuid() != 0 {
		b.Skip("needs root to mount")
	}
	dir := b.TempDir()
	server := benchProgram(b, "mount", "--share", share, dir)
	stderr, err := server.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	line, _ := bufio.NewReader(stderr).ReadString('\n')
	ready := time.Since(start)
	if !strings.HasPrefix(line, "mounted") {
		b.Fatal(line)
	}
	return dir, ready, func() int64 {
		server.Process.Signal(syscall.SIGTERM)
		if err := server.Wait(); err != nil {
			b.Fatal(err)
		}
		return server.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	}
}

func BenchmarkMountReadyWith2000Backups(b *testing.B) {
	share := b.TempDir()
	if _, err := storetest.WriteMany(share, 2000, 16); err != nil {
		b.Fatal(err)
	}
	var times []time.Duration
	var peak int64
	for b.Loop() {
		_, ready, stop := benchMount(b, share)
		times, peak = append(times, ready), max(peak, stop())
	}
	reportPeak(b, times, peak)
}

// Measures the first read of a file in the mount: opening the backup, finding the digest row, and
// one block.
func BenchmarkOpenOf1TiB(b *testing.B) {
	share := b.TempDir()
	made := storetest.MustWrite(b, share, storetest.Spec{
		ID: storetest.ID("1 TiB"), VolumeID: storetest.ID("1 TiB volume"), Content: storetest.Zeros(1 << 40), Volume: storetest.Volume{},
	})
	var times []time.Duration
	var peak int64
	for b.Loop() {
		dir, _, stop := benchMount(b, share)
		disk := filepath.Join(dir, "backups", made.ID, "volume.raw")
		start := time.Now()
		if out, err := exec.Command("dd", "if="+disk, "of=/dev/null", "bs=4096", "count=1", "skip=200000000", "iflag=direct").CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		times = append(times, time.Since(start))
		peak = max(peak, stop())
	}
	reportPeak(b, times, peak)
}

// twoGB makes a backup with one zlib object of the size that Cinder makes by default.
func twoGB(b *testing.B) (share string, made storetest.Backup) {
	share = b.TempDir()
	return share, storetest.MustWrite(b, share, storetest.Spec{
		ID: storetest.ID("2 GB"), VolumeID: storetest.ID("2 GB volume"), Content: storetest.Disk(storetest.DefaultFileSize, 1), Volume: storetest.Volume{},
	})
}

func BenchmarkMaterializeOfA2GBObject(b *testing.B) {
	share, made := twoGB(b)
	var times []time.Duration
	var peak int64
	for b.Loop() {
		target := filepath.Join(b.TempDir(), "disk.raw")
		d, rss := timed(b, benchProgram(b, "materialize", "--share", share, made.ID, target))
		times, peak = append(times, d), max(peak, rss)
		os.Remove(target)
	}
	reportPeak(b, times, peak)
}

// 200 reads of 4 KiB at random places of an object without an index.
func BenchmarkRandomReadsOfA2GBObject(b *testing.B) {
	share, made := twoGB(b)
	var times []time.Duration
	var peak int64
	for b.Loop() {
		dir, _, stop := benchMount(b, share)
		disk := filepath.Join(dir, "backups", made.ID, "volume.raw")
		rng := rand.New(rand.NewPCG(1, 1))
		start := time.Now()
		for range 200 {
			skip := fmt.Sprintf("skip=%d", rng.Int64N(storetest.DefaultFileSize/4096))
			if out, err := exec.Command("dd", "if="+disk, "of=/dev/null", "bs=4096", "count=1", "iflag=direct", skip).CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
		}
		times = append(times, time.Since(start))
		peak = max(peak, stop())
	}
	reportPeak(b, times, peak)
}

// clone makes another backup with the content of made, by links to its objects.
func clone(b *testing.B, share string, made storetest.Backup, n int) string {
	b.Helper()
	id, volume := storetest.ID(fmt.Sprint("clone ", n)), storetest.ID(fmt.Sprint("clone volume ", n))
	renamed := strings.NewReplacer(made.ID, id, made.VolumeID, volume)
	from := filepath.Join(share, made.Container)
	to := filepath.Join(share, "clones", id)
	if err := os.MkdirAll(to, 0o700); err != nil {
		b.Fatal(err)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range entries {
		name := filepath.Join(to, renamed.Replace(e.Name()))
		if !strings.HasSuffix(e.Name(), "_metadata") && !strings.HasSuffix(e.Name(), "_sha256file") {
			if err := os.Link(filepath.Join(from, e.Name()), name); err != nil {
				b.Fatal(err)
			}
			continue
		}
		text, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err == nil {
			err = os.WriteFile(name, []byte(renamed.Replace(string(text))), 0o600)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return id
}

// 16 readers, 500 reads of 4 KiB each at random places of 50 objects of 2 GB without an index:
// shows how much memory the mount needs.
func BenchmarkStormOver50ObjectsOf2GB(b *testing.B) {
	share, made := twoGB(b)
	ids := make([]string, 50)
	for i := range ids {
		ids[i] = clone(b, share, made, i)
	}
	var times []time.Duration
	var peak int64
	for b.Loop() {
		dir, _, stop := benchMount(b, share)
		start := time.Now()
		var readers errgroup.Group
		for reader := range 16 {
			readers.Go(func() error {
				rng := rand.New(rand.NewPCG(uint64(reader), 2))
				buf := make([]byte, 4096)
				for range 500 {
					f, err := os.Open(filepath.Join(dir, "backups", ids[rng.IntN(len(ids))], "volume.raw"))
					if err != nil {
						return err
					}
					_, err = f.ReadAt(buf, rng.Int64N(storetest.DefaultFileSize/4096)*4096)
					f.Close()
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := readers.Wait(); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(start))
		peak = max(peak, stop())
	}
	reportPeak(b, times, peak)
}
