package materialize

import (
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkRunAgainstDD copies a volume in memory onto a new file, alternating
// with dd, which copies the same bytes from the page cache, both to stable
// storage:
//
//	go test -run - -bench AgainstDD -benchtime 5x ./materialize
//
// dd-ratio and dd-cpu-ratio are wall and CPU time in units of dd's.
func BenchmarkRunAgainstDD(b *testing.B) {
	if _, err := exec.LookPath("dd"); err != nil {
		b.Skip("needs dd")
	}
	const size = 512 << 20
	vol := newFakeVolume(size, 31)
	rnd := rand.New(rand.NewPCG(1, 1))
	for off := 0; off < size; off += 40 << 20 { // 70 % data in long stretches
		fill(vol.data[off:min(size, off+28<<20)], rnd)
		clear(vol.data[min(size, off+28<<20):min(size, off+40<<20)])
	}
	vol.digest()
	dir := b.TempDir()
	raw, out := filepath.Join(dir, "raw"), filepath.Join(dir, "out")
	if err := os.WriteFile(raw, vol.data, 0o600); err != nil {
		b.Fatal(err)
	}
	exec.Command("sync", "-f", dir).Run()
	b.SetBytes(size)
	var ours, dd, oursCPU, ddCPU time.Duration
	for b.Loop() {
		begin, cpu := time.Now(), cpuTime(syscall.RUSAGE_CHILDREN)
		if msg, err := exec.Command("dd", "if="+raw, "of="+out, "bs=4M", "conv=sparse,fsync").CombinedOutput(); err != nil {
			b.Fatalf("%v %s", err, msg)
		}
		dd += time.Since(begin)
		ddCPU += cpuTime(syscall.RUSAGE_CHILDREN) - cpu
		os.Remove(out)
		begin, cpu = time.Now(), cpuTime(syscall.RUSAGE_SELF)
		t, err := Open(b.Context(), out, OpenOptions{Size: size})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Run(b.Context(), vol, t, Options{}); err != nil {
			b.Fatal(err)
		}
		t.Close()
		ours += time.Since(begin)
		oursCPU += cpuTime(syscall.RUSAGE_SELF) - cpu
		os.Remove(out)
	}
	b.ReportMetric(ours.Seconds()/dd.Seconds(), "dd-ratio")
	b.ReportMetric(oursCPU.Seconds()/ddCPU.Seconds(), "dd-cpu-ratio")
}

func cpuTime(who int) time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(who, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkDeltaUnchanged compares an unchanged file, alternating with the
// simplest code that reads and hashes the same file on all processors.
// hash-ratio and hash-cpu-ratio are wall and CPU time in units of that code's.
func BenchmarkDeltaUnchanged(b *testing.B) {
	const size = 512 << 20
	vol := newFakeVolume(size, 31)
	vol.run = size
	for i := range vol.data {
		if i%testBlock == 0 {
			vol.data[i] = 1 // no block is zero, so that all of it is hashed
		}
	}
	vol.digest()
	path := filepath.Join(b.TempDir(), "f")
	if err := os.WriteFile(path, vol.data, 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	var ours, plain, oursCPU, plainCPU time.Duration
	for b.Loop() {
		begin, cpu := time.Now(), cpuTime(syscall.RUSAGE_SELF)
		plainHash(b, vol, path)
		plain += time.Since(begin)
		plainCPU += cpuTime(syscall.RUSAGE_SELF) - cpu
		begin, cpu = time.Now(), cpuTime(syscall.RUSAGE_SELF)
		t, err := Open(b.Context(), path, OpenOptions{Size: size, Force: true})
		if err != nil {
			b.Fatal(err)
		}
		res, err := Run(b.Context(), vol, t, Options{Delta: true})
		if err != nil || res.BytesSkipped != size {
			b.Fatal(res, err)
		}
		t.Close()
		ours += time.Since(begin)
		oursCPU += cpuTime(syscall.RUSAGE_SELF) - cpu
	}
	b.ReportMetric(ours.Seconds()/plain.Seconds(), "hash-ratio")
	b.ReportMetric(oursCPU.Seconds()/plainCPU.Seconds(), "hash-cpu-ratio")
}

func plainHash(b *testing.B, vol *fakeVolume, path string) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var wg sync.WaitGroup
	n := int64(runtime.GOMAXPROCS(0))
	for i := range n {
		wg.Go(func() {
			buf := make([]byte, 1<<20)
			part := vol.Size() / n &^ (1<<20 - 1)
			from, to := i*part, (i+1)*part
			if i == n-1 {
				to = vol.Size()
			}
			r := io.NewSectionReader(f, from, to-from)
			for off := from; off < to; off += int64(len(buf)) {
				if _, err := io.ReadFull(r, buf); err != nil {
					b.Error(err)
				}
				if d, err := vol.Differs(b.Context(), buf, off); len(d) > 0 || err != nil {
					b.Error(d, err)
				}
			}
		})
	}
	wg.Wait()
}
