package fusefs

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkSequential reads 256 MiB with dd and a cold page cache: from a mount whose volume is in
// memory, and for comparison from a file in memory. Only ratios within one run mean anything;
// server-ns/MiB is the processor time of the serving process.
func BenchmarkSequential(b *testing.B) {
	const size = 256 << 20
	backup := TestBackup{
		Backup:     Backup{ID: idA, VolumeID: volX, CreatedAt: noon, Size: size},
		RealSize:   size,
		Data:       [][2]int64{{0, size}},
		SliceBytes: 256 << 10,
	}
	r := mounted(b, backup)
	shm, err := os.MkdirTemp("/dev/shm", "fusefs")
	if err != nil {
		b.Skip(err)
	}
	defer os.RemoveAll(shm)
	plain := filepath.Join(shm, "plain")
	if err := os.WriteFile(plain, backup.content(), 0o600); err != nil {
		b.Fatal(err)
	}
	file := r.path("backups", idA, "volume.raw")
	for _, c := range []struct{ name, file, flags string }{
		{"file in memory", plain, "fullblock"},
		{"mount, buffered", file, "fullblock"},
		{"mount, direct", file, "direct"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(size)
			var cpu time.Duration
			for range b.N {
				b.StopTimer()
				output(b, "dd", "if="+file, "of=/dev/null", "iflag=nocache", "count=0", "status=none")
				before := processorTime(b, r.cmd.Process.Pid)
				b.StartTimer()
				if _, err := output(b, "dd", "if="+c.file, "of=/dev/null", "bs=1M", "iflag="+c.flags, "status=none"); err != nil {
					b.Fatal(err)
				}
				cpu += processorTime(b, r.cmd.Process.Pid) - before
			}
			b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N)/(size>>20), "server-ns/MiB")
		})
	}
}

// processorTime returns the processor time a process has used, in steps of 10 ms.
func processorTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
